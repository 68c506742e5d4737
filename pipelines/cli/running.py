"""Runs selections of the schedules' own Dagster jobs, on the home's instance, so that every run is in the UI.

Belongs here: the instance, executing a job in this process, finding the error a person can use. Does not: which
assets a command wants (the commands), drawing (output.py).
"""

import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from pipelines.cli.rehearsal import with_sandbox_hint
from pipelines.config import Home
from pipelines.errors import EnlistError, Interrupted
from pipelines.paths import SAMPLE_HOME

if TYPE_CHECKING:
    import dagster as dg

LOCATION = "enlist"
Line = Literal["audiences", "members", "stats"]


class Runner:
    """The home's Dagster instance and definitions, loaded once for a command (seconds, most of them imports)."""

    def __init__(self, home: Home) -> None:
        from pipelines.definitions import build

        self.home = home
        self.instance = instance(home)
        self._definitions = build(home)

    def run(
        self,
        sync: str,
        line: Line,
        *,
        stages: Sequence[str] | None = None,
        chosen: Callable[[Sequence[str]], bool] | None = None,
        push: Mapping[str, Any] | None = None,
        write_back: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Run a sync's job, or of it only the assets of some stages, or whose key is `chosen`; returns the run id.

        With a `run_id` of one's own it is known also when the run fails. `push` and `write_back` are the configuration
        of these assets. Raises the `EnlistError` that ended the run.
        """
        import dagster as dg

        from pipelines.defs import names

        job = self._definitions.resolve_job_def(names.job(sync, line))
        keys = [
            key
            for key in job.asset_layer.executable_asset_keys
            if (stages is None or key.path[1] in stages) and (chosen is None or chosen(key.path))
        ]
        asked = {"push__pushes": push, "stats__write_back": write_back}
        ops = {f"{sync}__{name}": {"config": dict(config)} for name, config in asked.items() if config is not None}
        with _quiet(), _stoppable():
            try:
                result = job.execute_in_process(
                    instance=self.instance,
                    asset_selection=keys if stages is not None or chosen is not None else None,
                    run_config={"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    tags={".dagster/repository": f"__repository__@{LOCATION}", "sync": sync, "enlist/by": who()},
                    run_id=run_id,
                )
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                raise Interrupted("Stopped.", do="What was sent is in the ledger; run it again to go on.") from None
            except Exception as error:
                raise with_sandbox_hint(self.home, the_error(error, sync)) from error
        return result.run_id


def instance(home: Home) -> "dg.DagsterInstance":
    """The home's Dagster instance; runs whose process died are marked failed first."""
    import dagster as dg

    from pipelines.defs.running import fail_dead_runs

    prepare_dagster_home(home)
    opened = dg.DagsterInstance.from_config(str(home.dagster_home))
    fail_dead_runs(opened)
    return opened


def prepare_dagster_home(home: Home) -> Path:
    """The folder of Dagster's storage, with a dagster.yaml, named in the environment for what is started from here."""
    home.dagster_home.mkdir(parents=True, exist_ok=True)
    settings = home.dagster_home / "dagster.yaml"
    if not settings.exists():
        shutil.copy(SAMPLE_HOME / "dagster_home" / "dagster.yaml", settings)
    os.environ["DAGSTER_HOME"] = str(home.dagster_home)
    os.environ["ENLIST_HOME"] = str(home.root)
    return home.dagster_home


def the_error(error: BaseException, sync: str) -> EnlistError:
    """The `EnlistError` behind what Dagster raised, or one that says where to look for anything unforeseen."""
    link: BaseException | None = error
    seen: set[int] = set()  # Dagster chains some errors in a ring
    while link is not None and id(link) not in seen:
        if isinstance(link, EnlistError):
            return link
        seen.add(id(link))
        link = link.__cause__ or link.__context__
    return EnlistError(
        f"something unforeseen went wrong ({type(error).__name__}).",
        where=sync,
        do="The run in the Dagster UI (enlist ui) has the details.",
    )


def who() -> str:
    """The user of this machine who runs the command."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dagster's own log lines off the terminal; they are in the UI."""
    logger = logging.getLogger("dagster")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: at a batch border, with a true summary."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
