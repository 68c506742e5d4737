"""Iteras is read whole or not at all; what its vendor does not document is configuration."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from draining import drained
from loopback import Loopback, Received, Reply, in_turn, loopback
from pydantic import SecretStr

from pipelines.config.connections import IterasConnection
from pipelines.crm.base import Rejected
from pipelines.crm.iteras.reading import IterasSource, subscription_status
from pipelines.errors import ConfigError, PermanentError, TransientError
from pipelines.http.client import Patience

QUICK = Patience(max_attempts=2, wait=lambda seconds: None)
NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


def customer(number: int, **data: Any) -> dict[str, Any]:
    return {"id": str(number), "data": {"name": f"N{number}", "email": f"n{number}@people.example"} | data}


class Read:
    """Everything that one extract gave, and what the server was asked."""

    def __init__(self, tmp_path: Path, answer: Callable[[Received], Reply], since: str | None = None, **more: Any):
        self.rows: list[dict[str, str | None]] = []
        self.rejected: list[Rejected] = []
        with opened(tmp_path, answer, **more) as (source, server):
            self.server: Loopback = server
            pages, self.end = drained(source.extract("customers", since))
        for page in pages:
            self.rows += [dict(zip(page.columns, row, strict=True)) for row in page.rows]
            self.rejected += page.rejected
        self.ids = [row["id"] for row in self.rows]


@contextmanager
def opened(tmp_path: Path, answer: Callable[[Received], Reply], **more: Any) -> Iterator[tuple[IterasSource, Loopback]]:
    with loopback(answer) as server:
        connection = IterasConnection(kind="iteras", url=server.url, api_key=SecretStr("HUSH"), **more)
        with closing(IterasSource("iteras", connection, tmp_path / ".locks", patience=QUICK)) as source:
            yield source, server


def all_at_once(*customers: Any) -> Callable[[Received], Reply]:
    return lambda request: Reply(body=list(customers))


def paging(customers: Sequence[Any], size: int, by: str) -> Callable[[Received], Reply]:
    """A server that pages by number, by offset, or by cursor."""

    def answer(request: Received) -> Reply:
        asked = int(request.query.get(by) or 0)
        start = {"page": (asked - 1) * size, "offset": asked, "after": asked}[by]
        page = list(customers[start : start + size])
        more = start + size if start + size < len(customers) else None
        return Reply(body={"customers": page, "paging": {"next": more}} if by == "after" else page)

    return answer


def test_customers_become_rows_with_their_own_fields(tmp_path: Path) -> None:
    one = customer(7, **{":Kundetype": "Skole", "postcode": "0800"}) | {
        "active_subscriptions": ["Avis"],
        "subscriptions": [{"product": "Avis", "current_period": {"end": "2026-12-31"}, "cancelled": True}],
    }
    read = Read(tmp_path, all_at_once(one, {"id": 8, "data": {"name": "No address"}}))
    assert read.rows[0] == {
        "id": "7",
        "name": "N7",
        "email": "n7@people.example",
        ":Kundetype": "Skole",
        "postcode": "0800",
        "active_subscriptions": "Avis",
        "subscriptions": '[{"cancelled": true, "current_period": {"end": "2026-12-31"}, "product": "Avis"}]',
        "subscriptions_product": "Avis",
        "subscriptions_current_period_end": "2026-12-31",
        "subscriptions_cancelled": "true",
        "subscription_status": "ending",
    }
    assert (read.rows[1]["id"], read.rows[1]["email"], read.rows[1]["subscription_status"]) == ("8", None, None)


def test_the_key_travels_in_a_header_and_stands_in_no_url_or_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A13."""
    caplog.set_level("DEBUG")
    read = Read(tmp_path, in_turn(Reply(500), Reply(body=[customer(1)])))
    for call in read.server.received:
        assert call.headers["X-Iteras-Key"] == "HUSH"
        assert call.path == "/api/customers/"
        assert set(call.query) == {"fields"}
    assert "HUSH" not in caplog.text


def test_invoices_are_never_asked_for(tmp_path: Path) -> None:
    read = Read(tmp_path, all_at_once(customer(1)))
    fields = read.server.received[0].query["fields"].split(",")
    assert "data" in fields
    assert not any(field.startswith("invoices") for field in fields)


@pytest.mark.parametrize("count", [0, 1, 4, 5])
@pytest.mark.parametrize("by", ["page", "offset", "after"])
def test_every_way_of_paging_reads_all_to_the_end(tmp_path: Path, by: str, count: int) -> None:
    customers = [customer(number) for number in range(count)]
    settings: dict[str, Any] = {"paging": "cursor" if by == "after" else by, "page_param": by}
    if by == "after":
        settings |= {"records_path": "customers", "cursor_path": "paging.next"}
    assert Read(tmp_path, paging(customers, 2, by), **settings).ids == [str(number) for number in range(count)]


@pytest.mark.parametrize("by", ["page", "offset"])
def test_a_server_that_ignores_paging_is_refused(tmp_path: Path, by: str) -> None:
    with pytest.raises(PermanentError, match=r"gave a customer twice.*Check paging"):
        Read(tmp_path, all_at_once(customer(1), customer(2)), paging=by, page_param=by)


def test_a_cursor_that_is_never_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"nothing under meta\.next"):
        Read(
            tmp_path,
            paging([customer(1), customer(2), customer(3)], 2, "after"),
            **{"paging": "cursor", "page_param": "after", "records_path": "customers", "cursor_path": "meta.next"},
        )


@pytest.mark.parametrize("more", [{"next": "/api/customers/?page=2"}, {"has_more": True}])
def test_an_answer_that_says_there_is_more_is_not_the_whole_list(tmp_path: Path, more: dict[str, Any]) -> None:
    answer = Reply(body={"results": [customer(1)], **more})
    with pytest.raises(PermanentError, match=r"there is more.*Set paging"):
        Read(tmp_path, lambda request: answer, records_path="results")


def test_the_last_page_of_a_wrapper_is_the_whole_list(tmp_path: Path) -> None:
    answer = Reply(body={"results": [customer(1)], "next": None})
    assert Read(tmp_path, lambda request: answer, records_path="results").ids == ["1"]


def test_a_wrapper_without_records_path_names_its_keys(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"no list of records\. Its keys are: results, total.*Set records_path"):
        Read(tmp_path, lambda request: Reply(body={"results": [], "total": 0}))


def test_a_suspiciously_round_number_is_noted(tmp_path: Path) -> None:
    read = Read(tmp_path, all_at_once(*(customer(number) for number in range(100))))
    assert read.end.notes == ("Iteras gave exactly 100 customers. Should there be more, set paging.",)
    assert Read(tmp_path, all_at_once(customer(1))).end.notes == ()


def test_a_load_that_breaks_off_half_way_does_not_end(tmp_path: Path) -> None:
    answer = in_turn(Reply(body=[customer(1)]), Reply(body=[customer(2)], cut=True))
    with pytest.raises(TransientError):
        Read(tmp_path, answer, paging="page", page_param="page")


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_says_what_to_check(tmp_path: Path, status: int) -> None:
    with pytest.raises(PermanentError, match=r"Check (api_key|fields)") as caught:
        Read(tmp_path, lambda request: Reply(status, {}))
    assert "HUSH" not in str(caught.value)


def test_two_customers_may_share_an_address(tmp_path: Path) -> None:
    read = Read(tmp_path, all_at_once(customer(1), customer(2, email="n1@people.example")))
    assert [row["email"] for row in read.rows] == ["n1@people.example"] * 2


def test_a_customer_without_a_number_is_kept_apart(tmp_path: Path) -> None:
    read = Read(tmp_path, all_at_once(customer(1), {"data": {"name": "x"}}))
    assert (read.ids, [one.place for one in read.rejected]) == (["1"], ["customer number 2"])


def test_a_key_that_no_customer_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no column id, which should be the key"):
        Read(tmp_path, all_at_once({"data": {"name": "x"}}))


def test_ids_are_asked_for_without_subscriptions(tmp_path: Path) -> None:
    with opened(tmp_path, all_at_once(customer(1), customer(2))) as (source, server):
        assert list(source.ids("customers")) == ["1", "2"]
    assert server.received[0].query == {"fields": "data"}


def test_changes_are_asked_for_as_configured(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"since_param": "changed", "since_format": "%d-%m-%Y %H:%M"}
    first = Read(tmp_path, all_at_once(customer(1)), **settings)
    assert first.end.state is not None
    assert "changed" not in first.server.received[0].query
    again = Read(tmp_path, all_at_once(), since="2026-11-21T12:00:00+00:00", **settings)
    assert again.server.received[0].query["changed"] == "21-11-2026 12:50"


@pytest.mark.parametrize(
    ("zone", "since", "asked"),
    [
        ("Europe/Copenhagen", "2026-10-25T00:50:00+00:00", "2026-10-25T01:40:00"),
        ("Europe/Copenhagen", "2026-10-25T01:50:00+00:00", "2026-10-25T01:40:00"),
        ("Europe/London", "2026-10-25T00:50:00+00:00", "2026-10-25T00:40:00"),
        ("Europe/Copenhagen", "2026-10-25T03:50:00+00:00", "2026-10-25T04:40:00"),
    ],
)
def test_in_the_hour_that_runs_twice_changes_are_asked_for_from_before_it(
    tmp_path: Path, zone: str, since: str, asked: str
) -> None:
    """02:40 without an offset may be the second one, and what was changed at 02:45 of the first would be missed."""
    read = Read(tmp_path, all_at_once(), since=since, since_param="changed", timezone=zone)
    assert read.server.received[0].query["changed"] == asked


def test_without_since_param_everything_is_read_always(tmp_path: Path) -> None:
    with opened(tmp_path, all_at_once()) as (source, _):
        assert source.full_read_every is None


PERIOD = {"begin": "2026-01-01", "end": "2026-12-31"}


@pytest.mark.parametrize(
    ("subscriptions", "status"),
    [
        ([{"current_period": PERIOD, "cancelled": False}], "active"),
        ([{"current_period": PERIOD, "cancelled": True}], "ending"),
        ([{"current_period": None, "periods": [PERIOD]}], "lapsed"),
        ([{"current_period": None, "begin": "2026-12-01", "periods": []}], "future"),
        ([{"current_period": None, "begin": "2026-11-21T12:30:00"}], "none"),
        ([{"current_period": None, "begin": "2026-11-21T13:30:00"}], "future"),
        ([{"current_period": None, "begin": "soon"}], "none"),
        ([], "none"),
        ([{"current_period": None, "periods": [PERIOD]}, {"current_period": PERIOD}], "active"),
        ([{"product": "Avis"}], None),
        (None, None),
    ],
)
def test_the_status_of_a_customer_is_the_best_of_the_subscriptions(subscriptions: Any, status: str | None) -> None:
    """C1, D5: active and stopped are told apart; a null current_period is future or lapsed."""
    assert subscription_status(subscriptions, NOW, ZoneInfo("Europe/Copenhagen")) == status
