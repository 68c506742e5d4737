"""What `duplicates.newest` gives: times or numbers that can be compared, or text that only looks like a time.

Belongs here: values by which no plan could tell the newer of two records. Does not: ranking (dbt's map_duplicates).
"""

from collections.abc import Iterator, Sequence

from pipelines.config import Home, SyncConfig
from pipelines.sync.doctor.findings import Finding
from pipelines.sync.doctor.records import Records
from pipelines.words import counted

NAME = "enlist_newest"
# What map_duplicates takes for a time: dbt's macro `moment`.
MOMENT = "case when regexp_matches({value}, '^\\d{{4}}-|^\\d{{4}}/') then try_cast({value} as timestamptz) end"
IS_TIME = f"{MOMENT.format(value=NAME)} is not null"
IS_NUMBER = f"try_cast({NAME} as double) is not null"
IS_TEXT = f"{NAME} is not null and not ({IS_TIME}) and not ({IS_NUMBER})"


def examine(home: Home, sync: SyncConfig, records: Sequence[Records]) -> Iterator[Finding]:
    """Findings about values of `newest` that are no times and no numbers, or now this and now that."""
    sql = sync.duplicates.newest
    if sql is None or "newest" not in sync.duplicates.prefer:
        return
    where = home.where(sync.sync, ("duplicates", "newest"))
    have_times = have_numbers = False
    for one in records:
        wanted, (texts, times, numbers) = one.count({NAME: sql}, [IS_TEXT, IS_TIME, IS_NUMBER])
        have_times, have_numbers = have_times or bool(times.records), have_numbers or bool(numbers.records)
        if texts.records:
            yield Finding(
                f"duplicates.newest: {texts.records:,} of the {counted(wanted, 'record')} wanted from "
                f"{one.source.entity} give neither a time such as 2026-01-31 10:00 nor a number, so that with the same "
                "address the later in the alphabet wins, not the newer.",
                f"Say how it is written, such as strptime({' '.join(sql.split())}, '%d-%m-%Y').",
                where,
                texts.records,
                one.named(texts),
            )
    if have_times and have_numbers:
        yield Finding(
            "duplicates.newest gives times for some of the records wanted and numbers for others: times win.",
            "Let it give times for all, or numbers for all.",
            where,
        )
