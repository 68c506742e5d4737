"""What the last plan had to leave out, and what its suite found.

Belongs here: those tables as findings. Does not: making them (the plan), telling them one by one (reports/).
"""

from collections.abc import Iterator, Mapping

import duckdb

from pipelines.config import SyncConfig
from pipelines.sync.doctor.findings import Finding
from pipelines.warehouse import has_table, rows
from pipelines.words import counted

REPORT = "They are in the workbook with their owners: enlist report {sync}"
REMEDIES: Mapping[str, str] = {
    "bad_address": REPORT,
    "missing_address": REPORT,
    "unknown_consent": "A predicate of the sync gives null for them, which counts as no: fill in the CRM, or say in "
    "the sync what blank means.",
    "duplicate": REPORT,
    "refused_before": "See enlist failures {sync}.",
}


def held(connection: duckdb.DuckDBPyConnection, sync: SyncConfig) -> Iterator[Finding]:
    """Records that are held, by reason, where somebody can do something about it; and broken expectations."""
    if not has_table(connection, f"sync_{sync.sync}", "plan_holds"):
        return
    found = rows(
        connection,
        "select reason, count(*) as count from plan.holds where sync = ? group by all order by reason",
        [sync.sync],
    )
    for row in found:
        reason, count = str(row["reason"]), int(str(row["count"]))
        if reason in REMEDIES:
            verb = "is" if count == 1 else "are"
            what = f"{counted(count, 'record')} {verb} held: {reason}."
            yield Finding(what, REMEDIES[reason].format(sync=sync.sync), records=count)
    failed = "select sentence from quality.expectations where sync = ? and not passed"
    for row in rows(connection, failed, [sync.sync]):
        yield Finding(str(row["sentence"]), "Mend the CRM's data, or the limits of the sync (`quality`).")
