"""The address rules: what is refused is what the strict library refuses, and DuckDB's pass never disagrees."""

import unicodedata
from collections.abc import Iterator
from typing import get_args

import duckdb
import email_validator
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.config.values import AddressWarning
from pipelines.quality import addresses, doubts, history, settling, syntax
from pipelines.quality.addresses import Counts, Verdict, email_key, judge, judge_new
from pipelines.quality.faults import RULES as FAULTS
from pipelines.quality.typos import TYPO_DOMAINS, intended_domain

WRONG = [
    ("n.v.t.", "placeholder", None),
    ("-", "placeholder", None),
    ("Geen e-mail", "placeholder", None),
    ("jan@x.nl; piet@y.nl", "several_addresses", "jan@x.nl"),
    ("jan@x,nl / piet@y.nl", "several_addresses", "piet@y.nl"),
    ("jan@x.nl\npiet@y.nl", "several_addresses", "jan@x.nl"),
    ("mailto:jan@x.nl?subject=Hoi", "mailto", "jan@x.nl"),
    ("Ann <ann@x.dk>", "display_name", "ann@x.dk"),
    ('"Ann, B." <ann@x,dk>', "display_name", "ann@x.dk"),
    ("www.bakker.nl", "web_address", None),
    ("jan.bakker.nl", "no_at_sign", None),
    ("jan(at)bakker.nl", "no_at_sign", "jan@bakker.nl"),
    ("jan\uff20bakker.nl", "no_at_sign", "jan@bakker.nl"),
    ("06-12345678", "no_at_sign", None),
    ("jan@x.nl (thuis)", "extra_text", "jan@x.nl"),
    ("jan@@x.nl", "two_at_signs", "jan@x.nl"),
    ("jan@x@y.nl", "two_at_signs", None),
    ("@x.nl", "nothing_before_at", None),
    ("jan@", "nothing_after_at", None),
    ("jan\u202e@x.nl", "invisible_character", "jan@x.nl"),
    ("jan@[192.0.2.1]", "ip_address", None),
    ("jan@192.0.2.1", "ip_address", None),
    ("'jan@x.nl'", "wrapped", "jan@x.nl"),
    ("(jan@x.nl)", "wrapped", "jan@x.nl"),
    ("'jan@x.nl',", "wrapped", "jan@x.nl"),
    ("\u201cjan@x.nl\u201d", "wrapped", "jan@x.nl"),
    ("jan@x.nl\u201d", "trailing_mark", "jan@x.nl"),
    ("jan@x.nl.", "trailing_mark", "jan@x.nl"),
    ("jan@x.nl,", "trailing_mark", "jan@x.nl"),
    (".jan@x.nl", "leading_mark", "jan@x.nl"),
    ("jan @x .nl", "inner_blank", "jan@x.nl"),
    ("jan de@x.nl", "inner_blank", None),
    ("jan@x,nl", "comma_for_dot", "jan@x.nl"),
    ("jan@x.nl,piet", "comma_for_dot", None),
    ("jan..b@x.nl", "two_dots", "jan.b@x.nl"),
    ("jan.@x.nl", "dot_beside_at", "jan@x.nl"),
    ('"jan b"@x.nl', "inner_blank", None),
    ('"jan.b"@x.nl', "quoted", None),
    ("a" * 65 + "@x.nl", "too_long_before_at", None),
    ("a@" + "b" * 64 + ".nl", "too_long", None),
    ("a@" + ("b" * 60 + ".") * 4 + "b" * 10 + ".nl", "too_long", None),
    ("x@y.nl " * 1_000, "too_long", None),
    ("j(n@x.nl", "illegal_character", None),
    ("jan@x_y.nl", "illegal_character", None),
    ("jan@localhost", "no_ending", None),
    ("jan@bedrijf.test", "reserved_domain", None),
    ("jan@-x.nl", "hyphen", None),
    ("jan@ab--c.nl", "hyphen", None),
    ("jan@xn--zz.nl", "international_domain", None),
]


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def remembered(connection: duckdb.DuckDBPyConnection) -> dict[str | None, Verdict]:
    columns = "address, email_key, verdict, rule, detail, suggestion, cleaned"
    rows = connection.execute(f"select {columns} from quality.addresses").fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: Verdict(*row) for row in rows}


def judge_all(connection: duckdb.DuckDBPyConnection, given_addresses: list[str]) -> Counts:
    connection.execute("create or replace table crm (email varchar)")
    connection.execute("insert into crm select unnest(?::varchar[])", [given_addresses])
    return judge_new(connection, "select email as address from crm")


@pytest.mark.parametrize(("address", "rule", "suggestion"), WRONG)
def test_a_wrong_address_has_a_rule_a_sentence_and_at_most_a_valid_suggestion(
    address: str, rule: str, suggestion: str | None
) -> None:
    verdict = judge(address)
    assert (verdict.verdict, verdict.rule, verdict.suggestion, verdict.cleaned) == ("wrong", rule, suggestion, None)
    assert verdict.detail
    assert verdict.detail[0].isupper()
    assert "jan" not in verdict.detail
    assert suggestion is None or judge(suggestion).verdict == "ok"


def test_every_rule_for_wrong_addresses_is_shown_by_an_example() -> None:
    codes = [rule.code for rule in FAULTS]
    assert len(set(codes)) == len(codes)
    assert {rule for _, rule, _ in WRONG} == set(codes)


@pytest.mark.parametrize("address", [None, "", "  ", "\t\r\n", "\u200b", "\xa0\ufeff"])
def test_an_address_nobody_can_see_is_missing_and_has_no_key(address: str | None) -> None:
    verdict = judge(address)
    assert (verdict.verdict, verdict.rule, verdict.email_key, verdict.cleaned) == ("missing", "missing", None, None)


@pytest.mark.parametrize(
    ("address", "rule", "cleaned"),
    [
        ("  Jan@X.nl\t", "outer_blanks", "Jan@x.nl"),
        ("\xa0jan@x.nl\u2003", "outer_blanks", "jan@x.nl"),
        ("\ufeffjan@x.nl", "invisible_characters", "jan@x.nl"),
        ("\u202ajan@x.nl\u202c", "invisible_characters", "jan@x.nl"),
        ("jan\u200b@x\u00ad.nl ", "invisible_characters", "jan@x.nl"),
    ],
)
def test_only_what_nobody_sees_is_repaired_and_the_repair_is_shown(address: str, rule: str, cleaned: str) -> None:
    verdict = judge(address)
    assert (verdict.verdict, verdict.rule, verdict.cleaned) == ("ok", rule, cleaned)
    assert verdict.suggestion == cleaned
    assert verdict.detail


def test_an_address_that_is_right_as_written_has_no_rule() -> None:
    assert judge("Jan.O'Neill+nieuws@Bakkerij-DeVries.example") == Verdict(
        "Jan.O'Neill+nieuws@Bakkerij-DeVries.example",
        "jan.o'neill+nieuws@bakkerij-devries.example",
        "ok",
        cleaned="Jan.O'Neill+nieuws@bakkerij-devries.example",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Info@B\u00fccher.example", "info@XN--BCHER-KVA.example"),
        ("jos\u00e9@x.nl", "JOSE\u0301@X.nl"),
        (" jan@x.nl ", "JAN@x.NL"),
        ("jan@x\uff0enl", "jan@x.nl"),
        ("JAN@X,NL", "jan@x,nl "),
    ],
)
def test_one_mailbox_has_one_key_however_it_is_written(one: str, other: str) -> None:
    assert email_key(one) == email_key(other) is not None


def test_sample_people_are_accepted_with_the_librarys_own_list_of_reserved_names() -> None:
    assert judge("jan@bakkerij.example").verdict == "ok"
    assert "example" not in email_validator.SPECIAL_USE_DOMAIN_NAMES
    assert "test" in email_validator.SPECIAL_USE_DOMAIN_NAMES


@pytest.mark.parametrize(
    ("address", "suggestion"),
    [
        ("Jan@gmial.com", "Jan@gmail.com"),
        ("jan@hotmial.com ", "jan@hotmail.com"),
        ("jan@bedrijf.con", "jan@bedrijf.com"),
        ("jan@gmial.con", "jan@gmail.com"),
    ],
)
def test_a_misspelt_domain_is_a_warning_with_what_was_probably_meant(address: str, suggestion: str) -> None:
    verdict = judge(address)
    assert (verdict.verdict, verdict.rule, verdict.suggestion) == ("warning", "typo_domain", suggestion)
    assert verdict.cleaned == address.strip()


@pytest.mark.parametrize(
    "domain",
    [
        *("mail.com", "ymail.com", "gmx.net", "gmx.com", "gmail.com", "googlemail.com", "hotmail.nl", "hotmail.com"),
        *("live.nl", "outlook.com", "email.com", "fastmail.com", "mail.ru", "ziggo.nl", "kpnmail.nl", "hetnet.nl"),
        *("libero.it", "yahoo.it", "yahoo.co.uk", "telia.com", "comhem.se"),
    ],
)
def test_real_providers_are_never_taken_for_a_typo(domain: str) -> None:
    assert judge(f"jan@{domain}").verdict == "ok"


def test_no_misspelt_domain_is_suggested_and_all_are_keys_of_their_kind() -> None:
    assert all(intended_domain(right) is None for right in TYPO_DOMAINS.values())
    assert all(email_key(f"a@{wrong}") == f"a@{wrong}" for wrong in TYPO_DOMAINS)


@pytest.mark.parametrize("address", ["info@bedrijf.nl", "No-Reply@bedrijf.nl", " segreteria@azienda.it "])
def test_an_address_of_a_function_is_a_warning(address: str) -> None:
    verdict = judge(address)
    assert (verdict.verdict, verdict.rule, verdict.suggestion) == ("warning", "role_address", None)
    assert verdict.cleaned == address.strip()


@pytest.mark.parametrize("address", ["informatie.jansen@bedrijf.nl", "jan.info@bedrijf.nl", "info.jansen@bedrijf.nl"])
def test_a_person_whose_address_only_looks_like_a_function_is_no_warning(address: str) -> None:
    assert judge(address).verdict == "ok"


def test_an_address_of_a_disposable_domain_is_a_warning() -> None:
    assert judge("jan@Mailinator.com").rule == "disposable_domain"
    assert judge("info@mailinator.com").rule == "disposable_domain"


def test_no_large_provider_counts_as_disposable() -> None:
    large = (
        "gmail.com hotmail.com outlook.com yahoo.com icloud.com gmx.net web.de ziggo.nl kpnmail.nl libero.it live.dk"
    )
    assert not doubts.DISPOSABLE_DOMAINS & set(large.split())


@pytest.mark.parametrize("address", ["j\u0430n@bedrijf.nl", "jan@b\u0435drijf.nl", "jan@\u03bfutlook.com"])
def test_a_word_of_two_scripts_that_look_alike_is_a_warning(address: str) -> None:
    """Cyrillic a and e, Greek o."""
    assert judge(address).rule == "mixed_scripts"


@pytest.mark.parametrize(
    "address",
    [
        "jos\u00e9@m\u00fcller.de",
        "ann@\u0438\u0432\u0430\u043d.com",
        "\u0438\u0432\u0430\u043d@bedrijf.nl",
        "ann@\u6771\u4eac\u30bf\u30ef\u30fcabc.jp",
    ],
)
def test_letters_of_one_script_and_those_that_go_together_are_no_warning(address: str) -> None:
    """Accents, a Cyrillic label beside a Latin one, a Cyrillic name at a Latin domain, Japanese with Latin letters."""
    assert judge(address).verdict == "ok"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | st.emails() | st.builds("{}@{}".format, st.text(max_size=8), st.text(max_size=12)))
def test_judging_never_fails_and_refuses_what_the_strict_library_refuses(address: str) -> None:
    verdict = judge(address)
    try:
        email_validator.validate_email(address, strict=True, check_deliverability=False)
        accepted = True
    except email_validator.EmailNotValidError:
        accepted = False
    if accepted:
        assert verdict.verdict in ("ok", "warning")
    elif verdict.verdict in ("ok", "warning"):
        assert verdict.rule in ("outer_blanks", "invisible_characters", *get_args(AddressWarning))
        assert verdict.cleaned != address
    key = verdict.email_key
    assert (key is None) == (verdict.verdict == "missing")
    if key is not None:
        assert key == unicodedata.normalize("NFC", key)
        assert email_key(key) == key


WRAPPINGS = st.sampled_from(
    [
        *("''", '""', "``", "()", "[]", "{}", "<>"),
        *("\u201c\u201d", "\u201e\u201c", "\u201d\u201d", "\u2018\u2019", "\u201a\u2018", "\u2019\u2019"),
        *("\u00ab\u00bb", "\u00bb\u00ab", "\u2039\u203a", "\u203a\u2039"),
    ]
)
NAMES = st.from_regex(r"[a-z0-9]{1,5}(?:[.+'-][a-z0-9]{1,5})?", fullmatch=True)


@settings(max_examples=200, deadline=None)
@given(
    NAMES, st.sampled_from(["x.dk", "gmial.com", "b\u00fccher.example"]), st.lists(WRAPPINGS, min_size=1, max_size=2)
)
@example("ann", "x.dk", ["''"])
def test_of_an_address_in_quotes_or_brackets_the_address_itself_is_suggested(
    local: str, domain: str, wrappings: list[str]
) -> None:
    """Without the quote before it, which the library would take for a part of the name."""
    address = f"{local}@{domain}"
    wrapped = address
    for opening, closing in wrappings:
        wrapped = f"{opening}{wrapped}{closing}"
    verdict = judge(wrapped)
    assert (verdict.verdict, verdict.suggestion) == ("wrong", judge(address).cleaned)


ENDS = st.text(
    alphabet="\"'`<>()[]{}.,;: \u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a", max_size=4
)


@settings(max_examples=300, deadline=None)
@given(st.builds("{}{}{}".format, ENDS, st.emails() | NAMES.map("{}@x.nl".format) | st.text(max_size=20), ENDS))
def test_a_suggestion_is_always_an_address_that_would_be_mailed_as_it_is(address: str) -> None:
    suggestion = judge(address).suggestion
    if suggestion is not None:
        assert judge(suggestion).verdict in ("ok", "warning")
        assert judge(suggestion).cleaned == suggestion


LOCALS = st.from_regex(r"[A-Za-z0-9._+'!/-]{1,8}|a{62,66}|[Ii]nfo|no-reply", fullmatch=True)
LABELS = st.from_regex(r"[A-Za-z0-9-]{1,6}|[a-z]{2}--[a-z]{1,3}|xn--bcher-kva|b{61,65}|b\u00fccher|", fullmatch=True)
ENDINGS = st.sampled_from(
    ["nl", "EXAMPLE", "com", "mailinator.com", "con", "test", "local", "c1", "1", "x", "", "xn--p1ai", "nl."]
)
DOMAINS = st.builds("{}.{}".format, st.lists(LABELS, max_size=3).map(".".join), ENDINGS)
SPACES = st.sampled_from(["", "", "", " ", "\t", "\r\n", "\xa0", "\u200b"])
AT_SIGNS = st.sampled_from(["@", "@", "@", "@@", ""])
GENERATED = st.builds("{}{}{}{}{}".format, SPACES, LOCALS, AT_SIGNS, DOMAINS, SPACES) | st.sampled_from(
    [address for address, _, _ in WRONG] + ["jan@gmial.com", " a@GMIAL.com ", "a@sub.localhost"]
)


SEEN_BY_NOBODY = st.text(alphabet=syntax.OUTER + " \t", max_size=2)
PLAIN_LOCALS = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,9}|[a-z]{60,66}|info", fullmatch=True)
SIGNS = st.sampled_from([*'abZ09-._@<>",;: \t\x00\x0b', *"\xa0\u200b\xad\u200d\u202e\u0301\u0338\xfc\xdc\u0130\xdf"])
STRANGE = st.sampled_from(
    ["\uff0e", "\u3002", "\u05d0", "\u0430", "\u0661", "\u0915\u094d", "xn--", "xn--p1ai", "xn--4dbc", "b" * 60]
)
ANY_DOMAINS = st.builds(
    "{}{}".format,
    st.lists(SIGNS | STRANGE | st.characters(codec="utf-8"), max_size=9).map("".join),
    st.sampled_from(["", ".nl", ".test", "gmial.com", "Mailinator.com", ".\u0440\u0444"]),
) | st.integers(40, 66).map(lambda number: ".".join([("b\u00fc" * 15)[: number // 2]] * 6) + ".nl")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(PLAIN_LOCALS, ANY_DOMAINS), min_size=1, max_size=60))
@example([("ann", f"d{sign}b.n{sign}l") for sign in "\u0130\u0131\u212a\u017f\uff21"])
def test_an_answer_about_a_domain_is_the_librarys_about_each_address_that_has_it(
    parts: list[tuple[str, str]],
) -> None:
    given_addresses = [f"{local}@{domain}" for local, _ in parts[:2] for _, domain in parts]
    with duckdb.connect() as connection:
        judge_all(connection, given_addresses)
        assert remembered(connection) == {address: judge(address) for address in given_addresses}


@settings(max_examples=30, deadline=None)
@given(st.lists(GENERATED, min_size=1, max_size=120))
@example(["", " ", "a@b@c.nl", "@", "a@" + "b" * 63 + ".nl", "a" * 64 + "@x.nl", "a@" + "b." * 125 + "nl"])
def test_duckdbs_pass_and_the_library_agree_on_every_column(given_addresses: list[str]) -> None:
    with duckdb.connect() as connection:
        counts = judge_all(connection, given_addresses)
        found = remembered(connection)
    expected = {address: judge(address) for address in given_addresses}
    assert found == expected
    assert counts.judged == len(expected)
    assert counts.wrong == sum(verdict.verdict == "wrong" for verdict in expected.values())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds("{}{}{}".format, SEEN_BY_NOBODY, GENERATED, SEEN_BY_NOBODY), min_size=1, max_size=60))
@example(["\x00jan@x.nl ", "j\u00adan@x.nl", " \u202ejan@x.nl\u061c", "\u2003info@x.nl\x1c", " a@gmial.com"])
def test_a_plan_counts_the_repairs_that_were_made(given_addresses: list[str]) -> None:
    """Of an address with a warning that a sync does not want, too."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select address, {history.REPAIR} from (select unnest($given) as address, 'any' as rule)",
            {**history.SIGNS, "given": given_addresses},
        ).fetchall()
    for address, repair in found:
        verdict = judge(address)
        if verdict.verdict == "ok":
            assert repair == verdict.rule
        elif verdict.verdict == "warning":
            assert (repair is None) == (syntax.cleaned(address) == address)


def test_plain_addresses_are_settled_without_the_library(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def asking(address: str | None) -> Verdict:
        asked.append(address)
        return judge(address)

    monkeypatch.setattr(addresses, "judge", asking)
    plain = ["Jan@Bakkerij-DeVries.example", " piet@x.co.uk ", "o'neill+a_b@mail.com"]
    judge_all(warehouse, [*plain, "a@gmial.com", "a@x.test", "a@xn--bcher-kva.example", "a@b", ""])
    assert sorted(asked, key=str) == ["", "a@b", "a@x.test"]


def test_the_library_is_asked_once_about_a_domain_that_many_have(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def asking(domain: str) -> syntax.Domain | None:
        asked.append(domain)
        return parsed_domain(domain)

    parsed_domain = syntax.parsed_domain
    monkeypatch.setattr(syntax, "parsed_domain", asking)
    monkeypatch.setattr(settling, "ROWS_PER_PAGE", 2)
    domains = ["b\u00fccher.example", "B\u00dcCHER.example", "xn--bcher-kva.example", "gmial.com", "x.test"]
    given_addresses = [f"a{number}@{domain}" for number in range(9) for domain in domains]
    counts = judge_all(warehouse, given_addresses)
    assert sorted(asked) == sorted(domains)
    assert counts == Counts(judged=45, ok=27, wrong=9, missing=0, warning=9, repaired=0)
    assert remembered(warehouse) == {address: judge(address) for address in given_addresses}


def test_a_verdict_is_remembered_and_only_new_addresses_are_judged(warehouse: duckdb.DuckDBPyConnection) -> None:
    first = judge_all(warehouse, ["jan@x.nl", "jan@x.nl", "jan@x,nl", "", " a@x.nl", "a@gmial.com"])
    assert first == Counts(judged=5, ok=2, wrong=1, missing=1, warning=1, repaired=1)
    warehouse.execute("update quality.addresses set detail = 'remembered' where address = 'jan@x,nl'")
    second = judge_all(warehouse, ["jan@x.nl", "jan@x,nl", "b\u00fc@x.nl"])
    assert second == Counts(judged=1, ok=1, wrong=0, missing=0, warning=0, repaired=0)
    assert remembered(warehouse)["jan@x,nl"].detail == "remembered"
    assert judge_all(warehouse, []).judged == 0


def test_verdicts_of_other_rules_are_forgotten(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_all(warehouse, ["jan@x.nl", "piet@x.nl"])
    monkeypatch.setattr(addresses, "RULES", "later rules")
    assert judge_all(warehouse, ["jan@x.nl"]).judged == 1
    assert set(remembered(warehouse)) == {"jan@x.nl"}


def test_more_doubtful_addresses_than_a_page_holds_are_all_judged(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "ROWS_PER_PAGE", 7)
    given_addresses = [f"a{number}@x,nl" for number in range(30)] + [f"a{number}@x.nl" for number in range(30)]
    assert judge_all(warehouse, given_addresses) == Counts(60, 30, 30, 0, 0, 0)
    assert set(remembered(warehouse)) == set(given_addresses)


def test_judging_is_part_of_the_callers_transaction_and_leaves_nothing_behind(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.begin()
    judge_all(warehouse, ["jan@x.nl"])
    warehouse.rollback()
    tables = warehouse.execute("select table_name from duckdb_tables()").fetchall()
    assert tables == []
    judge_all(warehouse, ["jan@x.nl"])
    assert warehouse.execute("select table_name from duckdb_tables() where temporary").fetchall() == []
