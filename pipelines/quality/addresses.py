"""The address rules: one verdict for each address as written, remembered, and the only place that makes `email_key`.

Belongs here: judging one address, judging the new ones of a warehouse. Does not: the parts of a verdict (syntax.py,
faults.py, doubts.py), the SQL that settles most of them (settling.py), who owns an address, workbooks.

The strict library has the last word on right and wrong. Nearly all addresses are settled in sets (settling.py), only
the doubtful rest goes through `judge`, one by one (50 to 200 microseconds each). Both must agree:
tests/unit/test_addresses.py compares them on generated addresses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Literal

import duckdb
import pandas as pd

from pipelines.landing import sql_text
from pipelines.quality import doubts, settling, syntax
from pipelines.quality.faults import fault
from pipelines.quality.settling import BLANKS

# Remembered verdicts of other rules are forgotten: raise the number whenever a verdict, key or sentence changes.
LIBRARIES = ("email-validator", "idna", "disposable-email-domains", "regex")
RULES = ", ".join(("enlist 3", *(f"{library} {version(library)}" for library in LIBRARIES)))

MISSING = "There is no address."
# What is mended without asking, since it can't be wrong: the rule of such an address, and the sentence for it.
REPAIRS: Mapping[str, str] = {
    "outer_blanks": BLANKS,
    "invisible_characters": "Invisible characters were left out of the address.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say about an address as written.

    `cleaned` is the form to send: without blanks and invisible characters, domain in lower-case ASCII; None unless
    ok or warning. `rule` and `detail` say what is wrong or was repaired; None for an address that is right as written.
    `email_key` is None only for missing ones. `suggestion` is for people, never used without them.
    """

    address: str | None
    email_key: str | None
    verdict: Literal["ok", "wrong", "missing", "warning"]
    rule: str | None = None
    detail: str | None = None
    suggestion: str | None = None
    cleaned: str | None = None

    @property
    def is_mailable(self) -> bool:
        """Whether mail is sent to it."""
        return self.verdict in ("ok", "warning")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many addresses were new, by verdict; `repaired` are the ok ones that were cleaned."""

    judged: int
    ok: int
    wrong: int
    missing: int
    warning: int
    repaired: int


def judge(address: str | None) -> Verdict:
    """The verdict on one address as written. Never raises, whatever the text."""
    text = syntax.cleaned(address or "")
    if not text:
        return Verdict(address, None, "missing", "missing", MISSING)
    found = syntax.parsed(text)
    if found is None:
        why = fault(text)
        return Verdict(address, syntax.key_of_refused(text), "wrong", why.rule, why.detail, why.suggestion)
    doubt = doubts.of_domain(found.domain, found.spelled) or doubts.of_local(found.local)
    if doubt:
        suggestion = f"{found.local}@{doubt.domain}" if doubt.domain else None
        return Verdict(address, found.email_key, "warning", doubt.rule, doubt.detail, suggestion, found.address)
    rule = _repair(address or "", text)
    if rule is None:
        return Verdict(address, found.email_key, "ok", cleaned=found.address)
    return Verdict(address, found.email_key, "ok", rule, REPAIRS[rule], found.address, found.address)


def email_key(address: str | None) -> str | None:
    """The one name of a mailbox: trimmed, NFC, lower-case, domain in ASCII; None for a missing address."""
    return judge(address).email_key


def judge_new(connection: duckdb.DuckDBPyConnection, addresses_sql: str) -> Counts:
    """Judge each distinct `address` of a SELECT that quality.addresses does not hold yet, and remember it there.

    Creates the table, or empties it when its verdicts come from other rules. Nulls are nobody's address and skipped.
    """
    _prepare(connection)
    try:
        for page in settling.settle(connection, addresses_sql):
            _remember(connection, [judge(address) for address in page])
        return _counts(connection)
    finally:
        settling.clean_up(connection)


def _repair(address: str, text: str) -> str | None:
    """The rule of what `cleaned` left out; quality/history.py asks the same of many, in SQL."""
    if address == text:
        return None
    return "outer_blanks" if syntax.trimmed(address) == text else "invisible_characters"


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists quality")
    made_by = connection.execute(
        "select comment from duckdb_tables()"
        " where database_name = current_database() and schema_name = 'quality' and table_name = 'addresses'"
    ).fetchall()
    if made_by == [(RULES,)]:
        return
    columns = ", ".join(f"{field.name} varchar" for field in fields(Verdict))
    connection.execute(f"create or replace table quality.addresses ({columns})")
    connection.execute(f"comment on table quality.addresses is {sql_text(RULES)}")


def _remember(connection: duckdb.DuckDBPyConnection, verdicts: list[Verdict]) -> None:
    frame = pd.DataFrame([asdict(verdict) for verdict in verdicts], dtype="str")
    connection.register("verdicts", frame)
    try:
        connection.execute("insert into quality.addresses by name select * from verdicts")
    finally:
        connection.unregister("verdicts")


def _counts(connection: duckdb.DuckDBPyConnection) -> Counts:
    (row,) = connection.execute(
        "select count(*), count(*) filter (verdict = 'ok'), count(*) filter (verdict = 'wrong'),"
        " count(*) filter (verdict = 'missing'), count(*) filter (verdict = 'warning'),"
        " count(*) filter (verdict = 'ok' and rule is not null)"
        " from quality.addresses semi join temp.new_addresses using (address)"
    ).fetchall()
    return Counts(*row)
