"""What DuckDB settles in sets, so that the library is asked about few addresses one by one.

Belongs here: sorting new addresses, settling the plain ones and those that only need an answer about their domain.
Does not: judging one address (addresses.py), asking the library (syntax.py).

Three kinds. `plain`: ASCII that can't be doubted, 97 of 100, settled at 2.5 s a million. `domain`: the part before the
@-sign can't be doubted, the domain can: international, misspelt, reserved. Domains repeat, so the library is asked once
for each (100 microseconds) however many addresses have it. `doubtful`: all others, and every address that is refused:
left to `judge`. That all three give what `judge` gives is proven in tests/unit/test_addresses.py.
"""

import re
from collections.abc import Iterator

import duckdb
import pandas as pd
from email_validator import SPECIAL_USE_DOMAIN_NAMES

from pipelines.landing import sql_text
from pipelines.quality import doubts, syntax
from pipelines.quality.typos import TYPO_DOMAINS, TYPO_SUFFIXES

ROWS_PER_PAGE = 10_000
BLANKS = "Blanks around the address were left out."

# What can't be doubted: an atom of ASCII signs, labels of letters, digits and hyphens, an ending of letters. Anything
# with two hyphens in a row (xn--), a reserved, misspelt or disposable domain, or a part that is too long is left to
# the library. The domain is matched as written: lower() turns U+0130 into an i, which it is not, and U+212A into a k.
_ATOM = r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
_DOMAIN = rf"(?:{_LABEL}\.)+[A-Za-z]{{2,63}}"
_RESERVED = rf"(?:^|\.)(?:{'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})$"
_MISSPELT = rf"(?:{'|'.join(map(re.escape, TYPO_SUFFIXES))})$"
_IS_PLAIN_LOCAL = f"""
    regexp_full_match(local, {sql_text(_LOCAL)}) and length(local) <= 64 and trimmed not like '%@%@%'
"""
_IS_PLAIN_DOMAIN = f"""
    regexp_full_match(written, {sql_text(_DOMAIN)})
    and length(trimmed) <= {syntax.MAX_LENGTH}
    and not contains(domain, '--')
    and not regexp_matches(domain, '[^.]{{64}}')
    and not regexp_matches(domain, {sql_text(_RESERVED)})
    and not regexp_matches(domain, {sql_text(_MISSPELT)})
    and domain not in ({", ".join(map(sql_text, TYPO_DOMAINS))})
    and domain not in (select domain from temp.disposable)
"""
_IS_ROLE = f"lower(local) in ({', '.join(map(sql_text, sorted(doubts.ROLES)))})"


def _parts(relation: str) -> str:
    """The parts of addresses. Made anew where needed: kept, they would be three quarters of what ten million take."""
    return f"""
        select *, split_part(trimmed, '@', 1) as local, split_part(trimmed, '@', 2) as written, lower(written) as domain
        from (select address, trim(address, e' \\t\\r\\n') as trimmed from ({relation}))
    """


_DETAIL = f"case rule when 'role_address' then {sql_text(doubts.ROLE)} when 'outer_blanks' then {sql_text(BLANKS)} end"
_SETTLE_PLAIN = f"""
    insert into quality.addresses by name
    with parts as ({_parts("from temp.new_addresses where kind = 'plain'")})
    select
        address,
        local || '@' || domain as cleaned,
        lower(local) || '@' || domain as email_key,
        case when {_IS_ROLE} then 'warning' else 'ok' end as verdict,
        case when verdict = 'warning' then 'role_address' when address <> trimmed then 'outer_blanks' end as rule,
        {_DETAIL} as detail,
        case when rule = 'outer_blanks' then cleaned end as suggestion,
    from parts
"""
_DISPOSABLE = "create or replace temp table disposable as select unnest(?::varchar[]) as domain"
_LIST_DOMAINS = f"""
    create or replace temp table domains as
    with parts as ({_parts("from temp.new_addresses where kind = 'domain'")})
    select row_number() over () as number, written from (select distinct written from parts)
"""
_ANSWERS = """
    create or replace temp table answers (
        written varchar, ascii varchar, longest bigint, doubt varchar, doubt_detail varchar, intended varchar
    )
"""
_ANSWERED = f"""
    create or replace temp table answered as
    with parts as ({_parts("from temp.new_addresses where kind = 'domain'")})
    select address, trimmed, local, ascii, doubt, doubt_detail, intended
    from parts inner join temp.answers using (written)
    where length(local) + 1 + longest <= {syntax.MAX_LENGTH}
"""
_SETTLE_ANSWERED = f"""
    insert into quality.addresses by name
    select
        address,
        local || '@' || ascii as cleaned,
        lower(local) || '@' || ascii as email_key,
        coalesce(
            doubt,
            case when {_IS_ROLE} then 'role_address' end,
            case when address <> trimmed then 'outer_blanks' end
        ) as rule,
        case when rule is null or rule = 'outer_blanks' then 'ok' else 'warning' end as verdict,
        coalesce(doubt_detail, {_DETAIL}) as detail,
        case when doubt is not null then local || '@' || intended when rule = 'outer_blanks' then cleaned end
            as suggestion,
    from temp.answered
"""
_DOUBTFUL = """
    create or replace temp table doubtful as
    select row_number() over () as number, address from (
        select address from temp.new_addresses where kind = 'doubtful'
        union all
        select address from (from temp.new_addresses where kind = 'domain') anti join temp.answered using (address)
    )
"""
TABLES = ("disposable", "new_addresses", "domains", "answers", "answered", "doubtful")


def settle(connection: duckdb.DuckDBPyConnection, addresses_sql: str) -> Iterator[list[str]]:
    """Settle what can be settled in sets and yield pages of the rest, which is to be judged one by one.

    Leaves temp.new_addresses with the new ones until `clean_up`.
    """
    connection.execute(_DISPOSABLE, [sorted(doubts.DISPOSABLE_DOMAINS)])
    connection.execute(_sorted(addresses_sql))
    connection.execute(_SETTLE_PLAIN)
    connection.execute(_LIST_DOMAINS)
    connection.execute(_ANSWERS)
    for domains in _pages(connection, "domains", "written"):
        _answer(connection, domains)
    connection.execute(_ANSWERED)
    connection.execute(_SETTLE_ANSWERED)
    connection.execute(_DOUBTFUL)
    yield from _pages(connection, "doubtful", "address")


def _sorted(addresses_sql: str) -> str:
    """New addresses, each with its kind."""
    return f"""
        create or replace temp table new_addresses as
        with given as (
            select distinct address::varchar as address from ({addresses_sql}) where address is not null
        ),
        fresh as (select address from given anti join quality.addresses using (address)),
        parts as ({_parts("from fresh")})
        select
            address,
            case
                when not ({_IS_PLAIN_LOCAL}) then 'doubtful' when {_IS_PLAIN_DOMAIN} then 'plain' else 'domain'
            end as kind,
        from parts
    """


def clean_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what `settle` made."""
    for table in TABLES:
        connection.execute(f"drop table if exists temp.{table}")


def _answer(connection: duckdb.DuckDBPyConnection, domains: list[str]) -> None:
    """Ask the library about domains; those that it refuses have no answer, since what to say takes the whole text."""
    found = ((written, syntax.parsed_domain(written)) for written in domains)
    answers = [(written, *_told(one)) for written, one in found if one]
    if not answers:
        return
    frame = pd.DataFrame(answers, columns=["written", "ascii", "longest", "doubt", "doubt_detail", "intended"])
    texts = ("written", "ascii", "doubt", "doubt_detail", "intended")
    connection.register("page", frame.astype(dict.fromkeys(texts, "str")))
    try:
        connection.execute("insert into temp.answers by name select * from page")
    finally:
        connection.unregister("page")


def _told(one: syntax.Domain) -> tuple[str, int, str | None, str | None, str | None]:
    doubt = doubts.of_domain(one.ascii, one.spelled)
    told = (doubt.rule, doubt.detail, doubt.domain) if doubt else (None, None, None)
    return one.ascii, one.longest, *told


def _pages(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> Iterator[list[str]]:
    """A column of a numbered temporary table, page by page."""
    last = 0
    while rows := connection.execute(
        f"select {column} from temp.{table} where number between ? and ? order by number",
        [last + 1, last + ROWS_PER_PAGE],
    ).fetchall():
        yield [value for (value,) in rows]
        last += ROWS_PER_PAGE
