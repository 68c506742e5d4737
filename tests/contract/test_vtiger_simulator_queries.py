"""The query language of the Vtiger simulator: section 4 of the contract, paging and incremental pulls (5)."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vtiger_simulator_caller import VtigerCaller, refusal, result

from pipelines.sandbox.clock import MovableClock
from pipelines.sandbox.server import Sandbox
from pipelines.sandbox.vtiger.simulator import Vtiger

INTERNAL = ("INTERNAL_SERVER_ERROR", "Unknown Error while processing request")


@pytest.fixture
def call(vtiger_simulator_call: VtigerCaller) -> VtigerCaller:
    return vtiger_simulator_call


def leads(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"lastname": f"L{number}", "email": f"p{number}@leads.example", **more} for number in range(count)]


def names(call: VtigerCaller, where: str) -> set[str]:
    return {row["lastname"] for row in call.query(f"select id,lastname from Leads where {where};")}


def refused(call: VtigerCaller, text: str) -> tuple[str | int, str]:
    return refusal(call.get("query", query=text))


def sweep(call: VtigerCaller, module: str, where: str = "") -> list[str]:
    """The ids that keyset paging finds."""
    found, last = [], "0x0"
    while True:
        page = call.query(f"select id from {module} where {where} id > '{last}' order by id limit 100;")
        if not page:
            return found
        found += [row["id"] for row in page]
        last = found[-1]


@pytest.mark.parametrize("limit", ["", " limit 5000", " limit 0,5000", " limit 101"])
def test_no_page_has_more_than_a_hundred_rows(call: VtigerCaller, limit: str) -> None:
    call.simulator.add_records("Leads", leads(250))
    assert len(call.query(f"select id from Leads{limit};")) == 100


def test_keyset_paging_finds_every_record_once_also_across_99_and_100(call: VtigerCaller) -> None:
    ids = call.simulator.add_records("Leads", leads(361))
    assert tuple(sweep(call, "Leads")) == ids
    assert ids[97:99] == ("10x99", "10x100")


def test_ids_are_compared_as_numbers_by_every_operator(call: VtigerCaller) -> None:
    ids = call.simulator.add_records("Leads", leads(120))

    def found(where: str) -> tuple[str, ...]:
        return tuple(row["id"] for row in call.query(f"select id from Leads where {where} order by id;"))

    assert found("id >= '10x100'") == ids[98:]
    assert found("id > '10x99' and id <= '10x101' and id != '10x100'") == ("10x101",)
    assert found("id >= '10x120' or lastname = 'L0'") == ("10x2", "10x120", "10x121")
    assert found("id in ('10x9','10x100','10x9999')") == ("10x9", "10x100")


def test_a_full_last_page_is_followed_by_an_empty_one(call: VtigerCaller) -> None:
    ids = call.simulator.add_records("Leads", leads(100))
    assert call.query(f"select id from Leads where id > '{ids[-1]}' order by id limit 100;") == []


def test_offset_paging_without_order_repeats_and_loses_rows(call: VtigerCaller) -> None:
    call.simulator.add_records("Leads", leads(250))
    call.simulator.turn(order="mixed")
    pages = [call.query(f"select id from Leads limit {offset},100;") for offset in (0, 100, 200)]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert len({row["id"] for page in pages for row in page}) < 250
    assert len(sweep(call, "Leads")) == 250


def test_rows_come_mixed_when_a_custom_field_is_asked_for_without_order(call: VtigerCaller) -> None:
    ids = list(call.simulator.add_records("Leads", leads(50)))
    assert [row["id"] for row in call.query("select id,email from Leads;")] == ids
    mixed = [row["id"] for row in call.query("select id,cf_853 from Leads;")]
    assert mixed != ids and sorted(mixed) == sorted(ids)
    assert [row["id"] for row in call.query("select id,cf_853 from Leads order by id;")] == ids


def test_counting_answers_nothing_on_this_version_and_a_number_on_8_0(call: VtigerCaller) -> None:
    call.simulator.add_records("Leads", leads(150))
    assert call.query("select count(*) from Leads;") == []
    assert call.query("select email from Leads;") == []
    call.simulator.turn(drops_rows_without_id=False)
    assert call.query("select count(*) from Leads where email like 'p1%';") == [{"count": "61"}]
    assert call.query("select email from Leads limit 1;") == [{"email": "p0@leads.example"}]


def test_and_binds_more_than_or(call: VtigerCaller) -> None:
    rows = [("a", "Hot", "1"), ("b", "Warm", "0"), ("c", "Warm", "1"), ("d", "Cold", "0")]
    call.simulator.add_records(
        "Leads", [{"lastname": name, "leadstatus": status, "emailoptout": out} for name, status, out in rows]
    )
    assert names(call, "leadstatus='Hot' or leadstatus='Warm' and emailoptout='0'") == {"a", "b"}
    assert names(call, "emailoptout='0' and leadstatus='Warm' or leadstatus='Hot'") == {"a", "b"}
    assert names(call, "leadstatus in ('Hot','Cold') and emailoptout = '0'") == {"d"}
    assert names(call, "leadstatus != 'Warm'") == {"a", "d"}
    assert names(call, "emailoptout > '0'") == {"a", "c"}


def test_like_quotes_and_case_follow_the_database(call: VtigerCaller) -> None:
    rows = [("D'Angelo", "Anna@Post.example"), ("Sørensen", "s_1@post.example"), ("Rossi", "sx1@post.example")]
    call.simulator.add_records("Leads", [{"lastname": name, "email": email} for name, email in rows])
    assert names(call, "lastname='D''Angelo'") == {"D'Angelo"}
    assert names(call, "lastname='Sørensen'") == {"Sørensen"}
    assert names(call, "email='anna@post.example'") == {"D'Angelo"}
    assert names(call, "email like 's_1@%'") == {"Sørensen", "Rossi"}
    assert names(call, "email like '%post.ex%' and lastname like '%S%'") == {"Sørensen", "Rossi"}
    call.simulator.turn(ignores_case=False)
    assert names(call, "email='anna@post.example'") == set()


def test_empty_dates_are_null_and_match_nothing(call: VtigerCaller) -> None:
    call.simulator.add_records("Leads", [{"lastname": "a"}, {"lastname": "b", "cf_855": "2020-08-10"}])
    rows = call.query("select id,cf_855,email from Leads order by cf_855;")
    assert [(row["cf_855"], row["email"]) for row in rows] == [(None, ""), ("2020-08-10", "")]
    assert names(call, "cf_855 != '2021-01-01'") == {"b"}
    assert names(call, "cf_855 < '2021-01-01'") == {"b"}


@pytest.mark.parametrize("where", ["email=''", "email != ''", "email in ('a','')", "email='' and lastname='x'"])
def test_an_empty_literal_is_an_internal_error(call: VtigerCaller, where: str) -> None:
    assert refused(call, f"select id from Leads where {where};") == INTERNAL


@pytest.mark.parametrize(
    "text",
    [
        "select id from Leads",
        "select id from Leads where email is null;",
        "select id from Leads where (email='a');",
        "select id from Leads where email='a' or (email='b');",
        "select id from Leads where email='D\\'Angelo';",
        "select id from Leads where emailoptout=1;",
        "select id from Leads where email not like 'a';",
        "select id from Leads limit 1; select id from Leads;",
        "select id,from Leads;",
        "select id from Leads limit -1;",
        "select id from Leads order by lastname desc, id;",
        "delete from Leads;",
    ],
)
def test_what_the_grammar_has_not_is_a_syntax_error(call: VtigerCaller, text: str) -> None:
    code, message = refused(call, text)
    assert code == "QUERY_SYNTAX_ERROR" and message.startswith("Syntax Error on line 1: token '")


@pytest.mark.parametrize("text", ["", "select id frm Leads;", "select id;"])
def test_a_query_without_from_is_denied(call: VtigerCaller, text: str) -> None:
    assert refused(call, text) == ("ACCESS_DENIED", "Permission to perform the operation is denied for query")


@pytest.mark.parametrize("clause", ["where nope='1'", "order by nope", "where id > '10x1' and nope='1'"])
def test_an_unknown_column_is_denied_wherever_it_stands(call: VtigerCaller, clause: str) -> None:
    code, message = refused(call, f"select id from Leads {clause};")
    assert (code, message) == ("ACCESS_DENIED", "Permission to access '.nope.' attribute denied.")


WORDS = """
    select from Leads Nope * id lastname nope where and or in like = != < >= ( ) , ; ' '' 'a' 'D''A' '10x2' is null
    order by desc limit 0 5 99999999999999999999 count(*) emailoptout 'nan' cf_855 % "x" \\ é 'inf'
    assigned_user_id modifiedtime Users '10x99999999999999999999'
"""
QUERIES = st.lists(st.sampled_from(WORDS.split()), max_size=14).map(" ".join)
CONDITIONS = QUERIES.map(lambda words: f"select id from Leads where {words};")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=QUERIES | CONDITIONS)
def test_whatever_is_asked_gets_rows_or_a_refusal_that_vtiger_has(call: VtigerCaller, text: str) -> None:
    answer = call.get("query", query=text)
    assert answer.status_code == 200
    body = answer.json()
    codes = ("ACCESS_DENIED", "QUERY_SYNTAX_ERROR", "INTERNAL_SERVER_ERROR")
    assert body["success"] or body["error"]["code"] in codes


def test_values_without_quotes_are_a_switch(call: VtigerCaller) -> None:
    call.simulator.add_records("Leads", [{"lastname": "a", "emailoptout": "1"}, {"lastname": "b"}])
    call.simulator.turn(takes_bare_values=True)
    assert names(call, "emailoptout=1") == {"a"}


def test_a_long_query_with_1500_ids_passes_and_gives_a_page(call: VtigerCaller) -> None:
    ids = call.simulator.add_records("Leads", leads(1500))
    listed = ",".join(f"'{item}'" for item in reversed(ids))
    assert len(call.query(f"select id from Leads where id in ({listed}) order by id limit 100;")) == 100


def test_references_and_owners_are_compared_by_id(call: VtigerCaller) -> None:
    vtiger = call.simulator
    (account,) = vtiger.add_records("Accounts", [{"accountname": "Bottega"}])
    rows = [{"lastname": "a", "account_id": account, "assigned_user_id": "20x3"}, {"lastname": "b"}]
    first, second = vtiger.add_records("Contacts", rows)
    assert call.query(f"select id,account_id from Contacts where account_id='{account}';") == [
        {"id": first, "account_id": account}
    ]
    assert call.query("select id,account_id from Contacts where assigned_user_id='19x1';") == [
        {"id": second, "account_id": None}
    ]
    assert call.query("select id,assigned_user_id from Contacts where assigned_user_id in ('20x3');") == [
        {"id": first, "assigned_user_id": "20x3"}
    ]


def test_deleted_and_converted_records_leave_the_query_and_only_the_converted_can_be_retrieved(
    call: VtigerCaller,
) -> None:
    stays, deleted, converted = call.simulator.add_records("Leads", leads(3))
    call.simulator.delete(deleted)
    call.simulator.convert(converted)
    assert sweep(call, "Leads") == [stays]
    assert result(call.get("retrieve", id=converted))["lastname"] == "L2"
    assert refusal(call.get("retrieve", id=deleted))[0] == "ACCESS_DENIED"


def test_a_user_without_rights_sees_only_what_is_theirs(call: VtigerCaller) -> None:
    """Section 5: it looks like a mass deletion."""
    own = call.simulator.add_user("marta", sees_all=False)
    ids = call.simulator.add_records("Leads", [*leads(5), *leads(2, assigned_user_id=own)])
    call.login("marta")
    assert tuple(sweep(call, "Leads")) == ids[5:]
    assert refusal(call.get("retrieve", id=ids[0]))[0] == "ACCESS_DENIED"
    call.simulator.edit_user("marta", sees_all=True)
    assert tuple(sweep(call, "Leads")) == ids


def test_changes_since_a_second_include_all_that_tie_with_it(
    call: VtigerCaller, mailchimp_simulator_server: Sandbox
) -> None:
    clock: MovableClock = mailchimp_simulator_server.clock
    old, *new = call.simulator.add_records("Leads", leads(130))
    clock.advance(120)
    for record_id in new:
        call.simulator.edit(record_id, city="Torino")
    (seen,) = {row["modifiedtime"] for row in call.simulator.records("Leads") if row["id"] == new[0]}
    assert set(sweep(call, "Leads", f"modifiedtime >= '{seen}' and")) == set(new)
    assert old not in sweep(call, "Leads", f"modifiedtime >= '{seen}' and")


def test_times_are_those_of_the_database_unless_a_switch_says_otherwise(call: VtigerCaller) -> None:
    """Sections 5 and 11: open for users who are not in UTC."""
    row = {"lastname": "a", "modifiedtime": "2026-07-01 10:00:00"}
    (made,) = call.simulator.add_records("Leads", [row])
    call.simulator.add_user("roma", time_zone="Europe/Rome")
    assert call.login("roma")["time_zone"] == "Europe/Rome"
    shown, local = "select id,modifiedtime from Leads", "where modifiedtime >= '2026-07-01 11:00:00'"
    assert call.query(f"{shown};") == [{"id": made, "modifiedtime": "2026-07-01 10:00:00"}]
    call.simulator.turn(zone_of_user="shown")
    assert call.query(f"{shown};") == [{"id": made, "modifiedtime": "2026-07-01 12:00:00"}]
    assert call.query(f"{shown} {local};") == []
    call.simulator.turn(zone_of_user="shown_and_compared")
    assert len(call.query(f"{shown} {local};")) == 1


def test_a_page_out_of_20000_records_costs_about_what_one_out_of_1000_does(
    call: VtigerCaller, vtiger_simulator: Vtiger
) -> None:
    """The best of many rounds; what looks at all records, which an index spares, would cost twenty times as much.

    The last query has to look at a hundred records for each that it finds, and at ten where there are few.
    """
    since = "* from Leads where modifiedtime >= '2020-01-01 00:00:00' and id > '10x500'"
    queries = (
        ("* from Leads where id > '10x750'", "* from Leads where id > '10x15000'", 5),
        (since, since, 5),
        ("id from Leads where email like '%9@leads.example'", "id from Leads where email like '%99@leads.example'", 30),
    )

    def best(what: str) -> float:
        return min(seconds(call, f"select {what} order by id limit 100;") for _ in range(15))

    people = leads(20_000)
    vtiger_simulator.add_records("Leads", people[:1_000])
    few = [best(what) for what, _, _ in queries]
    vtiger_simulator.add_records("Leads", people[1_000:])
    for least, (_, what, most) in zip(few, queries, strict=True):
        assert best(what) < most * least, what


def seconds(call: VtigerCaller, text: str) -> float:
    start = time.perf_counter()
    assert len(call.query(text)) == 100
    return time.perf_counter() - start
