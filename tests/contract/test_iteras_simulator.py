"""The Iteras simulator: documented calls (contract, sections 1 to 3), open points as switches (6), its back stage."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from iteras_simulator_caller import IterasCaller

from pipelines.sandbox.clock import MovableClock
from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.iteras.switches import Switches
from pipelines.sandbox.server import Sandbox

SUBSCRIPTION = {"product": "Ugeavisen", "periods": [{"begin": "2020-01-01", "end": "2020-12-31"}]}
RUNNING = {"product": "Ugeavisen", "periods": [*SUBSCRIPTION["periods"], {"begin": "2021-01-01", "end": "2999-12-31"}]}
FUTURE = {"product": "Magasinet", "periods": [{"begin": "2998-01-01", "end": "2998-12-31"}]}
OPEN_ENDED = {"product": "Medlem", "periods": [{"begin": "2021-01-01", "end": None}]}


@pytest.fixture
def call(iteras_simulator_call: IterasCaller) -> IterasCaller:
    return iteras_simulator_call


def people(count: int, **data: Any) -> list[dict[str, Any]]:
    return [{"data": {"name": f"P{number}", "email": f"p{number}@abonnent.example", **data}} for number in range(count)]


def operation(customer_id: str, **data: Any) -> dict[str, Any]:
    return {"operation": "updatecustomer", "id": customer_id, "data": data}


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_the_key_stands_in_the_header_or_in_the_query(call: IterasCaller) -> None:
    assert call.rows() == []
    key = call.simulator.api_key
    assert requests.get(call.url, params={"iteras-key": key}, timeout=9).json() == []
    assert call.simulator.stats()["asked"]["key in the URL"] == 1
    for wrong in ({}, {"X-Iteras-Key": "wrong"}):
        assert requests.get(call.url, headers=wrong, timeout=9).status_code == 404
    call.simulator.turn(auth_status=401)
    refused = requests.post(f"{call.url}update/", json={"operations": []}, timeout=9)
    assert refused.status_code == 401 and refused.json()["error"]


def test_wrong_paths_and_methods_are_a_40x(call: IterasCaller) -> None:
    assert call.http.post(call.url, timeout=9).status_code == 400
    assert call.http.get(f"{call.url}update/", timeout=9).status_code == 400
    assert call.http.get(call.url.replace("customers", "kunder"), timeout=9).status_code == 404


def test_customers_come_with_data_and_a_summary_of_their_subscriptions(call: IterasCaller) -> None:
    data = {"name": "Mette", "email": "mette@abonnent.example", ":Fødselsår": "1970"}
    (made,) = call.simulator.add_customers([{"data": data, "subscriptions": [RUNNING, SUBSCRIPTION]}])
    (row,) = call.rows()
    active = row.pop("active_subscriptions")
    assert row == {"id": made, "data": data}
    assert [item["product"] for item in active] == ["Ugeavisen"]
    assert list(call.rows(fields="data")[0]) == ["id", "data"]


def test_ids_choose_customers(call: IterasCaller) -> None:
    made = call.simulator.add_customers(people(4))
    assert ids(call.rows(id=f"{made[3]},{made[1]}")) == [made[3], made[1]]
    assert ids(call.rows(id=f"{made[0]},99")) == [made[0]]
    call.simulator.turn(unknown_id="refused")
    assert call.get(id=f"{made[0]},99").status_code == 404


def test_details_of_subscriptions_are_opt_in(call: IterasCaller) -> None:
    call.simulator.add_customers([{"data": {"name": "a"}, "subscriptions": [RUNNING]}])
    (plain,) = call.rows(fields="subscriptions")[0]["subscriptions"]
    assert set(plain) == {"id", "product", "products_received", "periods"}
    names = ("current_period", "begin", "cancelled", "stop_requested", "price", "payment_agreement")
    (full,) = call.rows(fields=",".join(f"subscriptions.{name}" for name in names))[0]["subscriptions"]
    assert set(full) == {*plain, *names}
    assert (full["begin"], full["current_period"]["begin"]) == ("2020-01-01", "2021-01-01")


def test_the_current_period_is_null_for_what_lapsed_and_for_what_is_yet_to_come(call: IterasCaller) -> None:
    subscriptions = [RUNNING, SUBSCRIPTION, FUTURE, OPEN_ENDED]
    call.simulator.add_customers([{"data": {"name": "a"}, "subscriptions": subscriptions}])
    (row,) = call.rows(fields="subscriptions.current_period,active_subscriptions")
    periods = [item["current_period"] for item in row["subscriptions"]]
    assert [period is not None for period in periods] == [True, False, False, True]
    assert [item["product"] for item in row["active_subscriptions"]] == ["Ugeavisen", "Medlem"]


def test_a_period_begins_with_its_first_day(call: IterasCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENLIST_NOW", "2020-01-01T12:00:00Z")
    call.simulator.add_customers([{"data": {"name": "a"}, "subscriptions": [SUBSCRIPTION]}])
    assert call.rows()[0]["active_subscriptions"]


def test_a_period_ends_with_its_last_day_in_the_zone_of_the_account(
    call: IterasCaller, mailchimp_simulator_server: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: MovableClock = mailchimp_simulator_server.clock
    monkeypatch.setenv("ENLIST_NOW", "2020-12-31T22:30:00Z")
    call.simulator.add_customers([{"data": {"name": "a"}, "subscriptions": [SUBSCRIPTION]}])
    assert call.rows()[0]["active_subscriptions"]
    clock.advance(3600)
    assert call.rows()[0]["active_subscriptions"] == []
    call.simulator.turn(zone="UTC")
    assert call.rows()[0]["active_subscriptions"]


def test_somebody_who_stopped_is_cancelled_while_the_period_runs_on(call: IterasCaller) -> None:
    (made,) = call.simulator.add_customers(people(1))
    subscription = call.simulator.subscribe(made, **RUNNING)
    call.simulator.stop(made, subscription)
    fields = "subscriptions.current_period,subscriptions.cancelled,subscriptions.stop_requested"
    (found,) = call.rows(fields=fields)[0]["subscriptions"]
    assert found["cancelled"] is True and found["current_period"] and found["stop_requested"]


def test_unknown_fields_are_refused_or_ignored_and_invoices_are_counted(call: IterasCaller) -> None:
    call.simulator.add_customers(people(1))
    assert call.get(fields="data,nope").status_code == 400
    call.simulator.turn(unknown_field="ignored")
    assert list(call.rows(fields="data,nope,extrafield=delivered_to:address:postcode")[0]) == ["id", "data"]
    assert call.rows(fields="invoices")[0]["invoices"] == []
    assert call.simulator.stats()["asked"]["invoices"] == 1


def test_failed_operations_answer_200(call: IterasCaller) -> None:
    call.simulator.add_field("Custom date field", "date")
    call.simulator.add_field("Art", "choice", ["Voksen", "Barn"])
    (made,) = call.simulator.add_customers(people(1))
    bad = operation(made, name="B", **{":Custom date field": "31-12-2020"})
    assert call.update(bad) == {
        "succeeded": 0,
        "failed": 1,
        "errors": [{":Custom date field": ["Enter a valid date."]}],
        "ids": [None],
    }
    good = operation(made, email="ny@abonnent.example", **{":Custom date field": "2020-12-31", ":Art": "Barn"})
    wrong = operation(made, email="ingen adresse", **{":Art": "Hund", ":Ukendt": "x"})
    outcome = call.update(good, operation("7", name="x"), wrong)
    assert (outcome["succeeded"], outcome["failed"], outcome["ids"]) == (1, 2, [made, None, None])
    assert outcome["errors"][:2] == [{}, {"": ["Customer does not exist."]}]
    assert set(outcome["errors"][2]) == {"email", ":Art", ":Ukendt"}
    found = call.simulator.customer(made)
    assert found and found["data"]["email"] == "ny@abonnent.example" and found["data"]["name"] == "P0"


def test_errors_may_come_without_the_operations_that_went_well(call: IterasCaller) -> None:
    made = call.simulator.add_customers(people(1))[0]
    call.simulator.turn(errors_by_position=False)
    outcome = call.update(operation(made, name="A"), operation("7", name="x"))
    assert outcome["errors"] == [{"": ["Customer does not exist."]}] and outcome["ids"] == [made, None]


def test_operations_come_as_a_form_field_too_and_malformed_ones_are_a_400(call: IterasCaller) -> None:
    (made,) = call.simulator.add_customers(people(1))
    form = {"operations": json.dumps([operation(made, name="Æble & Å")])}
    assert call.http.post(f"{call.url}update/", data=form, timeout=9).json()["succeeded"] == 1
    found = call.simulator.customer(made)
    assert found and found["data"]["name"] == "Æble & Å"
    for body in ({}, {"operations": "{"}, {"operations": json.dumps({"operation": "updatecustomer"})}):
        assert call.http.post(f"{call.url}update/", data=body, timeout=9).status_code == 400
    for body in ({"operations": [1]}, {"operations": [{"operation": "deletecustomer", "id": made}]}, []):
        assert call.http.post(f"{call.url}update/", json=body, timeout=9).status_code == 400


def test_parameters_of_pages_are_ignored_unless_there_are_pages(call: IterasCaller) -> None:
    """Section 7: the same page twice."""
    made = list(call.simulator.add_customers(people(5)))
    assert ids(call.rows(page=1, page_size=2)) == ids(call.rows(page=2, page_size=2)) == made


def test_numbered_pages_end_with_an_empty_one(call: IterasCaller) -> None:
    made = list(call.simulator.add_customers(people(5)))
    call.simulator.turn(paging="page", page_param="p", page_size_param="n", first_page=0, max_page_size=2)
    pages = [ids(call.rows(p=page, n=100)) for page in range(4)]
    assert pages == [made[:2], made[2:4], made[4:], []]
    assert ids(call.rows(n=1)) == made[:1]
    call.simulator.turn(first_page=1)
    assert [ids(call.rows(p=page, n=2)) for page in (1, 2)] == [made[:2], made[2:4]]
    assert call.get(p=0).status_code == 400
    assert call.get(p="x").status_code == 400


def test_offsets_count_rows(call: IterasCaller) -> None:
    made = list(call.simulator.add_customers(people(5)))
    call.simulator.turn(paging="offset", page_param="offset", page_size_param="limit")
    assert ids(call.rows(offset=3, limit=10)) == made[3:]
    assert call.rows(offset=5) == []


def test_a_cursor_stands_beside_the_list_and_is_null_at_the_end(call: IterasCaller) -> None:
    made = list(call.simulator.add_customers(people(5)))
    call.simulator.turn(paging="cursor", page_param="cursor", records_path="data.customers", next_path="data.next")
    found, cursor = [], ""
    while cursor is not None:
        reply = call.rows(cursor=cursor, page_size=2)["data"]
        found += ids(reply["customers"])
        cursor = reply["next"]
    assert found == made


def test_the_shape_of_the_reply_is_a_switch(call: IterasCaller) -> None:
    (made,) = call.simulator.add_customers(people(1))
    call.simulator.turn(records_path="customers", flat=True, ids_are_numbers=True)
    reply = call.rows(fields="data")
    assert reply == {"customers": [{"id": int(made), "name": "P0", "email": "p0@abonnent.example"}]}


def test_changes_since_a_moment_come_only_where_there_is_a_parameter(
    call: IterasCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENLIST_NOW", "2026-11-01T00:00:00Z")
    made = list(call.simulator.add_customers(people(2)))
    monkeypatch.setenv("ENLIST_NOW", "2026-11-02T00:00:00Z")
    call.simulator.edit(made[1], name="B")
    assert ids(call.rows(since="2026-11-01T12:00:00Z")) == made
    call.simulator.turn(since_param="since")
    assert ids(call.rows(since="2026-11-01T12:00:00Z")) == made[1:]
    assert call.get(since="i går").status_code == 400


def test_one_call_too_many_in_a_minute_is_a_429(call: IterasCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.simulator.turn(calls_per_minute=2, retry_after=30)
    assert [call.get().status_code for _ in range(3)] == [200, 200, 429]
    assert call.get().headers["Retry-After"] == "30"
    mailchimp_simulator_server.clock.advance(61)
    assert call.get().status_code == 200


def test_faults_break_answers_and_connections(call: IterasCaller) -> None:
    (made,) = call.simulator.add_customers(people(1))
    path = "/api/customers/"
    call.simulator.fail(kind="problem", status=503, path=path)
    assert call.get().status_code == 503
    call.simulator.fail(kind="truncated", path=path)
    with pytest.raises(requests.exceptions.JSONDecodeError):
        call.get().json()
    call.simulator.fail(kind="drop", path=f"{path}update/", applied=True)
    with pytest.raises(requests.ConnectionError):
        call.update(operation(made, name="Efter"))
    found = call.simulator.customer(made)
    assert found and found["data"]["name"] == "Efter"


def test_the_back_stage_seeds_edits_and_tells(call: IterasCaller) -> None:
    root = call.simulator.url.replace("/iteras", "/sandbox/iteras")

    def visit(method: str, page: str, body: Any = None, **query: str) -> Any:
        answer = requests.request(method, f"{root}/{page}", json=body, params=query, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    (made,) = visit("POST", "customers", {"customers": [{"id": 42312, "data": {"name": "a", ":X": "1"}}]})["ids"]
    visit("POST", "edit", {"id": made, "data": {":X": "2"}})
    started = visit("POST", "subscribe", {"id": made, "subscription": RUNNING})["id"]
    visit("POST", "stop", {"id": made, "subscription_id": started})
    visit("POST", "fields", {"name": "Y", "kind": "number"})
    assert call.update(operation(made, **{":Y": "ti"}))["errors"] == [{":Y": ["Enter a number."]}]
    assert visit("GET", "customers", id=made)["customer"]["subscriptions"][0]["cancelled"] is True
    visit("POST", "delete", {"id": made})
    assert visit("GET", "customers", id=made) == {"customer": None}
    assert [entry["change"] for entry in visit("GET", "history")["history"]] == [
        "change",
        "subscribe",
        "stop",
        "delete",
    ]
    assert visit("GET", "history")["history"][0]["fields"] == [":X"]
    assert visit("POST", "switches", {"first_page": 0})["first_page"] == 0
    assert visit("POST", "faults", {"status": 500, "kind": "empty"})["faults"]
    assert visit("DELETE", "faults") == {"faults": []}
    assert visit("GET", "stats")["calls"] == {"POST /api/customers/update/": 1}
    assert requests.post(f"{root}/delete", json={"id": "1"}, timeout=9).status_code == 400


def test_customers_survive_a_restart_and_switches_do_not(tmp_path: Path) -> None:
    with Sandbox(tmp_path, port=0, iteras_switches=Switches(records_path="r")) as first:
        made = first.iteras.add_customers([{"data": {"name": "a"}, "subscriptions": [RUNNING]}])
        before = first.iteras.customer(made[0])
        first.iteras.turn(paging="page")
    with Sandbox(tmp_path, port=0) as second:
        assert second.iteras.customer(made[0]) == before
        assert second.iteras.switches == Switches()
        assert second.iteras.add_customers(people(1)) != made


def test_20000_customers_cost_no_more_each_than_1000_do(call: IterasCaller, iteras_simulator: Iteras) -> None:
    """The best of three rounds; who costs the more, the more there are, would cost twenty times as much."""

    def best(of: int) -> float:
        answers = [call.get(fields="data,subscriptions.current_period") for _ in range(3)]
        assert [len(answer.json()) for answer in answers] == [of] * 3
        return min(answer.elapsed.total_seconds() for answer in answers)

    rows = [{**row, "subscriptions": [RUNNING]} for row in people(20_000)]
    iteras_simulator.add_customers(rows[:1_000])
    few = best(1_000)
    iteras_simulator.add_customers(rows[1_000:])
    assert best(20_000) < 3 * 20 * few
