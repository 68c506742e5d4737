"""The address rules: one verdict for each address as written, remembered, and the only place that makes `email_key`.

Belongs here: judging one address, judging the new ones of a warehouse. Does not: the parts of a verdict (syntax.py,
faults.py, typos.py), who owns an address, workbooks.

The strict library has the last word on right and wrong. Plain ASCII addresses, nearly all of them, are settled by
DuckDB in sets (0.4 s a million) and only the doubtful rest goes through `judge` (about 40 microseconds each).
The two must agree: tests/unit/test_addresses.py compares them on generated addresses.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Literal

import duckdb
import pandas as pd
from email_validator import SPECIAL_USE_DOMAIN_NAMES

from pipelines.landing import sql_text
from pipelines.quality import syntax
from pipelines.quality.faults import fault
from pipelines.quality.typos import TYPO_DOMAINS, TYPO_SUFFIXES, intended_domain

# Remembered verdicts of other rules are forgotten: raise the number whenever a verdict, key or sentence changes.
RULES = f"enlist 1, email-validator {version('email-validator')}, idna {version('idna')}"
ROWS_PER_PAGE = 10_000

MISSING = "There is no address."
BLANKS = "Blanks around the address were left out."
INVISIBLE = "Invisible characters were left out of the address."
TYPO = "The domain looks misspelt."


# What can't be doubted: an atom of ASCII signs, labels of letters, digits and hyphens, an ending of letters. Anything
# with two hyphens in a row (xn--), a reserved or misspelt domain, or a part that is too long is left to the library.
_ATOM = r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+"
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
_DOMAIN = rf"(?:{_LABEL}\.)+[a-z]{{2,63}}"
_RESERVED = rf"(?:^|\.)(?:{'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})$"
_MISSPELT = rf"(?:{'|'.join(map(re.escape, TYPO_SUFFIXES))})$"
_IS_PLAIN = f"""
    regexp_full_match(local, {sql_text(_LOCAL)})
    and regexp_full_match(domain, {sql_text(_DOMAIN)})
    and trimmed not like '%@%@%'
    and length(local) <= 64 and length(trimmed) <= 254
    and not contains(domain, '--')
    and not regexp_matches(domain, '[^.]{{64}}')
    and not regexp_matches(domain, {sql_text(_RESERVED)})
    and not regexp_matches(domain, {sql_text(_MISSPELT)})
    and domain not in ({", ".join(map(sql_text, TYPO_DOMAINS))})
"""
_SETTLE_PLAIN = f"""
    insert into quality.addresses by name
    select
        address,
        lower(local) || '@' || domain as email_key,
        'ok' as verdict,
        case when address <> trimmed then 'outer_blanks' end as rule,
        case when address <> trimmed then {sql_text(BLANKS)} end as detail,
        case when address <> trimmed then local || '@' || domain end as suggestion,
        local || '@' || domain as cleaned
    from temp.new_addresses where is_plain
"""


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
    intended = intended_domain(found.domain)
    if intended is not None:
        suggestion = f"{found.local}@{intended}"
        return Verdict(address, found.email_key, "warning", "typo_domain", TYPO, suggestion, found.address)
    rule, detail = _repair(address or "", text)
    return Verdict(address, found.email_key, "ok", rule, detail, found.address if rule else None, found.address)


def email_key(address: str | None) -> str | None:
    """The one name of a mailbox: trimmed, NFC, lower-case, domain in ASCII; None for a missing address."""
    return judge(address).email_key


def judge_new(connection: duckdb.DuckDBPyConnection, addresses_sql: str) -> Counts:
    """Judge each distinct `address` of a SELECT that quality.addresses does not hold yet, and remember it there.

    Creates the table, or empties it when its verdicts come from other rules. Nulls are nobody's address and skipped.
    """
    _prepare(connection)
    connection.execute(f"create or replace temp table new_addresses as {_new_addresses(addresses_sql)}")
    try:
        connection.execute(_SETTLE_PLAIN)
        for page in _doubtful_pages(connection):
            _remember(connection, [judge(address) for address in page])
        return _counts(connection)
    finally:
        connection.execute("drop table if exists temp.new_addresses")


def _repair(address: str, text: str) -> tuple[str | None, str | None]:
    if address == text:
        return None, None
    if syntax.trimmed(address) == text:
        return "outer_blanks", BLANKS
    return "invisible_characters", INVISIBLE


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


def _new_addresses(addresses_sql: str) -> str:
    """New addresses, numbered, with what DuckDB's own pass needs to know of them."""
    return f"""
        with given as (
            select distinct address::varchar as address from ({addresses_sql}) where address is not null
        ),
        fresh as (
            select address, trim(address, e' \\t\\r\\n') as trimmed
            from given anti join quality.addresses using (address)
        ),
        parts as (
            select *, split_part(trimmed, '@', 1) as local, lower(split_part(trimmed, '@', 2)) as domain from fresh
        )
        select row_number() over () as number, address, trimmed, local, domain, ({_IS_PLAIN}) as is_plain from parts
    """


def _doubtful_pages(connection: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
    last = 0
    while rows := connection.execute(
        "select number, address from temp.new_addresses where not is_plain and number > ? order by number limit ?",
        [last, ROWS_PER_PAGE],
    ).fetchall():
        yield [address for _, address in rows]
        last = rows[-1][0]


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
