"""What makes assets run: one run per sync at a time, jobs, schedules, runs that died.

Belongs here: resources, jobs and schedules of the factory. Does not: the assets themselves.
"""

import os
import socket
from collections.abc import Iterable, Iterator, Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines import locks
from pipelines.config import Home, SyncConfig
from pipelines.defs import names

PROCESS_TAG = "enlist/process"
ACTIVE = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
LINES: tuple[names.Line, ...] = ("audiences", "members", "stats")


def run_lock(home: Home, sync: str) -> dg.ResourceDefinition:
    """A resource that a run holds from its first step to its last; a second run of the sync is refused at once.

    The lock is a file that dies with the process, where a killed run leaves a slot of a Dagster pool taken for ever.
    """

    @dg.resource(description=f"Lets one run of {sync} in at a time.")
    def lock(context: dg.InitResourceContext) -> Iterator[None]:
        with locks.run_of(home.locks, sync):
            _tag(context)
            yield

    return lock


@dg.resource(description="Writes down which process a run has, so that a killed one is found.")
def process(context: dg.InitResourceContext) -> Iterator[None]:
    """For assets that need no lock: runs of theirs are tagged with their process all the same."""
    _tag(context)
    yield


def _tag(context: dg.InitResourceContext) -> None:
    if context.instance and context.run:
        context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: this_process()})


def this_process() -> str:
    """Host and process id, as runs are tagged with."""
    return f"{socket.gethostname()}:{os.getpid()}"


def jobs(home: Home, sync: SyncConfig) -> Sequence[UnresolvedAssetJobDefinition]:
    """One job for each cron line, each with just what it needs upstream, and the marts after it."""
    marts = dg.AssetSelection.groups(names.ANALYTICS)
    account = names.audiences_key(sync.to.connection)
    campaigns = names.sync_key(sync.sync, "stats", "campaigns")
    tables = ("sends", "events", "links", "link_clicks", "domains")
    stats = [names.sync_key(sync.sync, "stats", table) for table in tables]
    entities = [names.entity_key(source.connection, source.entity_name) for source in sync.sources]
    # Whoever opted out in a campaign is in the ledger when the statistics are told.
    opt_outs = [
        names.sync_key(sync.sync, "extract", "members"),
        names.sync_key(sync.sync, "check", "addresses"),
        names.sync_key(sync.sync, "check", "consent"),
    ]
    write_back = names.sync_key(sync.sync, "stats", "write_back")
    own = dg.AssetSelection.groups(sync.sync) - dg.AssetSelection.assets(campaigns, *stats, write_back)
    selections = {
        "audiences": dg.AssetSelection.assets(account, campaigns) | marts,
        "members": dg.AssetSelection.assets(account, *dict.fromkeys(entities)) | own | marts,
        "stats": dg.AssetSelection.assets(account, *opt_outs, campaigns, *stats, write_back) | marts,
    }
    descriptions = {
        "audiences": "Audiences and campaign headers.",
        "members": "The sync: extract, check, plan, and push if the plan is safe.",
        "stats": "Campaigns, sends, opens, clicks, bounces and opt-outs; what the sync asks for goes back to the CRM.",
    }
    return [
        dg.define_asset_job(
            names.job(sync.sync, line),
            selection=selections[line],
            description=descriptions[line],
            tags={"sync": sync.sync},
        )
        for line in LINES
    ]


def schedules(sync: SyncConfig) -> Iterable[dg.ScheduleDefinition]:
    """The cron lines that are not null, running unless the sync is switched off (A7)."""
    for line in LINES:
        cron = getattr(sync.schedule, line)
        if cron is not None:
            yield _schedule(sync, names.job(sync.sync, line), cron)


def _schedule(sync: SyncConfig, job_name: str, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        cron_schedule=cron,
        job_name=job_name,
        execution_timezone=sync.schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if sync.enabled else dg.DefaultScheduleStatus.STOPPED,
        description=f"{cron} in {sync.schedule.timezone}.",
        name=f"{job_name}__schedule",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        active = context.instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=list(ACTIVE)), limit=1)
        if active:
            return dg.SkipReason(f"{job_name} is still running.")
        return dg.RunRequest()

    return schedule


def fail_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs of this host as failed whose process is gone (killed, or the machine went down). How many."""
    dead = 0
    host, _, _ = this_process().rpartition(":")
    for run in instance.get_runs(dg.RunsFilter(statuses=list(ACTIVE))):
        where, _, pid = run.tags.get(PROCESS_TAG, "").rpartition(":")
        if where == host and not _is_alive(int(pid)):
            instance.report_run_failed(run, "The process of this run is gone: it was killed, or the machine stopped.")
            dead += 1
    return dead


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
