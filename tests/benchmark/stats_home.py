"""One step of the statistics of a large home, in a process of its own, so that nothing else is measured.

Belongs here: the home, and its steps. Does not: the answers (stats_account.py), the order of the steps and the table
(stats.py).

Usage: stats_home.py HOME CAMPAIGNS RECIPIENTS STEP; a step is fill, answers, load, again, marts or publish. Prints
{"seconds": s, "cpu": s, "megabytes": n, ...} as one line.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, cast

from contacts import CONNECTIONS, SYNC
from stats_account import AUDIENCE, GeneratedAccount

from pipelines import dbt
from pipelines.config import Home, load_home
from pipelines.providers.base import Provider
from pipelines.publishing import publish
from pipelines.stats.pulling import pull_campaigns, pull_details
from pipelines.sync.settings import marts_vars
from pipelines.warehouse import Warehouse

MAPPING = f"""\
sync: {SYNC}
to: {{connection: chimp, audience: People}}
from:
  - {{entity: crm.people, email: Email, opt_out: false, fields: {{FNAME: Name}}}}
stats: {{window_days: 90, notes_language: nl}}
schedule: {{timezone: Europe/Amsterdam}}
"""


def home_in(folder: Path) -> Home:
    """The home of the benchmark, laid out in `folder` if it is not there yet."""
    (folder / "syncs").mkdir(parents=True, exist_ok=True)
    (folder / "connections.yaml").write_text(CONNECTIONS, encoding="utf-8")
    (folder / "syncs" / f"{SYNC}.yaml").write_text(MAPPING, encoding="utf-8")
    return load_home(folder, environ={}, check=False)


def fill(home: Home, recipients: int) -> None:
    """What earlier stages leave of an audience whose members a push added in January."""
    with Warehouse(home).open() as database:
        database.execute(f"""
            create schema if not exists sync_{SYNC};
            create or replace table sync_{SYNC}.settings as
            select
                '{SYNC}' as sync, 'chimp' as connection, '{AUDIENCE}' as audience_id,
                timestamp '2026-11-01' as planned_at;
            create or replace table sync_{SYNC}.extract_members as
            select
                range::text as provider_id, 'person' || range || '@people' || range % 200 || '.example' as email,
                'subscribed' as status, '["Klant"]' as tags, '[]' as groups,
                (timestamp '2026-01-01' + to_days(cast(range % 300 as integer)))::text as joined_at,
                joined_at as changed_at,
            from range({recipients});
            create or replace table sync_{SYNC}.stage_suppressions (
                email_key text, reason text, source text, since timestamp, is_from_elsewhere boolean
            );
            insert into extract.audiences (connection, audience_id, name, state)
            values ('chimp', '{AUDIENCE}', 'People', 'created');
            insert into ledger.members by name
            select
                '{SYNC}' as sync, 'chimp' as connection, '{AUDIENCE}' as audience_id, email_key,
                'C' || row_number() over () as contact_key, 'crm.people' as entity, timestamp '2026-01-01' as joined_at,
            from (select *, email as email_key from sync_{SYNC}.extract_members);
            insert into ledger.pushes by name
            select
                'run-1' as run_id, row_number() over () as seq, '{SYNC}' as sync, 'chimp' as connection, audience_id,
                'add' as op, 'new' as reason, email_key as email, email_key, contact_key, entity, 'applied' as outcome,
                '{{"status":"subscribed"}}' as after, joined_at as happened_at,
            from ledger.members
        """)


def peak_megabytes() -> float:
    """The most memory that this process ever had; the system's own count goes on from the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def answers(account: GeneratedAccount) -> int:
    """Make all answers and throw them away: what they cost is not Enlist's."""
    rows = 0
    for campaign in list(account.campaigns(AUDIENCE)):
        rows += sum(map(len, account.sends(campaign.campaign_id)))
        rows += sum(map(len, account.events(campaign.campaign_id)))
        for link in account.links(campaign.campaign_id):
            rows += sum(map(len, account.link_clicks(campaign.campaign_id, link.link_id)))
    return rows


def step(home: Home, account: GeneratedAccount, name: str) -> dict[str, Any]:
    """Do one step; what it did beside seconds and memory."""
    warehouse, sync = Warehouse(home), home.sync(SYNC)
    if name == "answers":
        return {"rows": answers(account)}
    if name in ("load", "again"):
        provider = cast(Provider, account)
        pull_campaigns(home, warehouse, provider, sync, AUDIENCE)
        pulled = pull_details(home, warehouse, provider, sync, AUDIENCE)
        return {"sends": pulled.sends, "events": pulled.events, "calls": account.calls}
    if name == "marts":
        nodes = dbt.build(home, warehouse, "analytics", ("marts",), marts_vars(home))
        dbt.raise_for(nodes, "dbt_project")
        models = {node.name: node.seconds for node in nodes if node.kind == "model"}
        return {"models": models, "data_tests": sum(node.seconds for node in nodes if node.kind == "test")}
    outcome = publish(home, warehouse)
    return {"rows": outcome.rows, "file_megabytes": home.analytics.stat().st_size / 1e6}


if __name__ == "__main__":
    home = home_in(Path(sys.argv[1]))
    campaigns, recipients, what = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if what == "fill":
        fill(home, recipients)
        sys.exit()
    started = time.monotonic()
    told = step(home, GeneratedAccount(campaigns, recipients), what)
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "megabytes": peak_megabytes()}
    sys.stdout.write(json.dumps({**told, **figures}))
