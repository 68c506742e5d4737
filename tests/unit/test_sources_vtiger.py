"""Vtiger is read whole whatever its API does, and every case of its contract has a fact here."""

import datetime
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from draining import drained
from loopback import Received, Reply, loopback
from pydantic import SecretStr
from vtiger_stub import ACCESS_KEY, VtigerStub, vtiger_stub

from pipelines import locks
from pipelines.config.connections import VtigerConnection, VtigerEntity
from pipelines.crm.base import End
from pipelines.crm.vtiger.query import literal
from pipelines.crm.vtiger.reading import VtigerSource
from pipelines.errors import ConfigError, PermanentError, TransientError
from pipelines.http.client import Patience

QUICK = Patience(max_attempts=3, wait=lambda seconds: None)


@pytest.fixture
def crm() -> Iterator[VtigerStub]:
    with vtiger_stub() as stub:
        yield stub


def source(crm: VtigerStub, tmp_path: Path, **settings: Any) -> VtigerSource:
    columns = settings.pop("columns", None)
    connection = VtigerConnection(
        kind="vtiger",
        url=crm.server.url,
        username="admin",
        access_key=SecretStr(settings.pop("access_key", ACCESS_KEY)),
        entities={"leads": VtigerEntity(module=settings.pop("module", "Leads"), columns=columns)},
        **settings,
    )
    return VtigerSource("crm", connection, tmp_path / ".locks", patience=QUICK)


def read(opened: VtigerSource, since: str | None = None) -> tuple[list[dict[str, str | None]], End]:
    with closing(opened):
        pages, end = drained(opened.extract("leads", since))
    return [dict(zip(page.columns, row, strict=True)) for page in pages for row in page.rows], end


def ids_of(rows: list[dict[str, str | None]]) -> list[str | None]:
    return [row["id"] for row in rows]


# Reading


@pytest.mark.parametrize("sessions", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 250])
def test_every_record_comes_once_whatever_the_page_size(
    crm: VtigerStub, tmp_path: Path, count: int, sessions: int
) -> None:
    wanted = [crm.add("Leads", lastname=str(number)) for number in range(count)]
    rows, _ = read(source(crm, tmp_path, sessions=sessions))
    assert ids_of(rows) == wanted
    with closing(source(crm, tmp_path, sessions=sessions)) as opened:
        assert list(opened.ids("leads")) == wanted


def test_reading_ends_on_an_empty_page_not_on_a_short_one(crm: VtigerStub, tmp_path: Path) -> None:
    crm.add("Leads")
    read(source(crm, tmp_path))
    assert [asked["query"] for asked in crm.asked if " Leads " in asked.get("query", "")] == [
        "select * from Leads order by id limit 100;",
        "select * from Leads where id > '10x1' order by id limit 100;",
    ]


def test_values_stay_as_they_are_stored(crm: VtigerStub, tmp_path: Path) -> None:
    crm.add(
        "Leads", email=" spaced@leads.example ", cf_853="Sport |##| Music", emailoptout="1", lastname="O'Brien\n<b>"
    )
    (row,), _ = read(source(crm, tmp_path))
    assert (row["email"], row["cf_853"], row["emailoptout"]) == (" spaced@leads.example ", "Sport |##| Music", "1")
    assert (row["lastname"], row["cf_855"], row["firstname"]) == ("O'Brien\n<b>", None, "")
    assert "label" not in row


def test_columns_are_chosen_by_name_or_label(crm: VtigerStub, tmp_path: Path) -> None:
    crm.add("Leads", cf_853="Art", email="a@leads.example")
    (row,), _ = read(source(crm, tmp_path, columns=("email", "Interests", "email opt out")))
    assert row == {
        "id": "10x1",
        "modifiedtime": crm.clock,
        "email": "a@leads.example",
        "Interests": "Art",
        "email opt out": "0",
    }
    assert crm.asked[-3]["query"].startswith("select id,modifiedtime,email,cf_853,emailoptout from Leads ")


@pytest.mark.parametrize(
    ("column", "words"),
    [("Intrests", "no field Intrests.*Did you mean Interests"), ("Twin", "Several fields.*cf_857, cf_858")],
)
def test_a_column_that_is_not_one_field_is_refused(crm: VtigerStub, tmp_path: Path, column: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(source(crm, tmp_path, columns=(column,)))


def test_a_module_that_is_not_there_names_those_with_an_e_mail_field(crm: VtigerStub, tmp_path: Path) -> None:
    """C7: any module with an e-mail field can be an entity."""
    with pytest.raises(ConfigError, match=r"no module Lead.*e-mail field are: Leads, Accounts, Contacts"):
        read(source(crm, tmp_path, module="Lead"))


def test_owners_come_with_their_names(crm: VtigerStub, tmp_path: Path) -> None:
    crm.users = [{"id": "19x1", "user_name": "admin", "first_name": "Eva", "last_name": "Boss"}]
    for owner in ("19x1", "20x3", "19x99"):
        crm.add("Leads", assigned_user_id=owner)
    rows, _ = read(source(crm, tmp_path))
    assert [row["assigned_user_name"] for row in rows] == ["Eva Boss", "Marketing", "19x99"]
    assert [row["assigned_user_id"] for row in rows] == ["19x1", "20x3", "19x99"]


def test_owners_go_by_their_user_names_where_no_others_may_be_read(crm: VtigerStub, tmp_path: Path) -> None:
    crm.users = [{"id": "19x1", "user_name": "admin"}]
    crm.add("Leads")
    assert read(source(crm, tmp_path))[0][0]["assigned_user_name"] == "admin"


# Changes


def test_changes_are_asked_for_from_before_the_newest_time_seen(crm: VtigerStub, tmp_path: Path) -> None:
    """Bulk writes tie at one second, and a clock of ours is not asked."""
    crm.add("Leads", modifiedtime="2026-11-21 10:00:00")
    newest = [crm.add("Leads", modifiedtime="2026-11-21 12:00:00") for _ in range(150)]
    _, end = read(source(crm, tmp_path))
    assert end.state == "2026-11-21 12:00:00"
    rows, again = read(source(crm, tmp_path), end.state)
    assert ids_of(rows) == newest
    assert again.state == end.state
    assert "modifiedtime >= '2026-11-21 11:50:00'" in crm.asked[-2]["query"]


def test_no_change_keeps_the_state(crm: VtigerStub, tmp_path: Path) -> None:
    rows, end = read(source(crm, tmp_path), "2026-11-21 12:00:00")
    assert (rows, end.state) == ([], "2026-11-21 12:00:00")


def test_a_user_in_another_zone_reaches_back_further(crm: VtigerStub, tmp_path: Path) -> None:
    crm.user["time_zone"] = "Europe/Rome"
    read(source(crm, tmp_path, timezone="Europe/Rome", overlap=datetime.timedelta(0)), "2026-11-21 12:00:00")
    assert "modifiedtime >= '2026-11-20 10:00:00'" in crm.asked[-2]["query"]


# Sessions


def test_one_login_serves_all_calls_and_is_logged_out(crm: VtigerStub, tmp_path: Path) -> None:
    for _ in range(3):
        crm.add("Leads")
    read(source(crm, tmp_path))
    assert (crm.logins, crm.count("logout"), crm.sessions) == (1, 1, set())


@pytest.mark.parametrize("code", ["INVALID_SESSIONID", "SESSION_LEFT_IDLE", "SESSION_EXPIRED", "INVALID_AUTH_TOKEN"])
def test_a_session_that_died_is_replaced_once_and_the_call_repeated(crm: VtigerStub, tmp_path: Path, code: str) -> None:
    wanted = [crm.add("Leads") for _ in range(150)]
    dead = {"success": False, "error": {"message": "gone", "code": code}}
    crm.fault = lambda operation, count: Reply(body=dead) if (operation, count) == ("query", 3) else None
    assert ids_of(read(source(crm, tmp_path))[0]) == wanted
    assert crm.logins == 2


def test_a_session_that_is_refused_again_and_again_is_an_error(crm: VtigerStub, tmp_path: Path) -> None:
    dead = {"success": False, "error": {"message": "gone", "code": "INVALID_SESSIONID"}}
    crm.fault = lambda operation, count: Reply(body=dead) if operation == "query" and count > 1 else None
    crm.add("Leads")
    with pytest.raises(PermanentError, match="INVALID_SESSIONID"):
        read(source(crm, tmp_path))
    assert crm.logins == 2


def test_a_login_that_raced_with_another_is_tried_once_more(crm: VtigerStub, tmp_path: Path) -> None:
    wrong = {"success": False, "error": {"message": "Invalid username or password", "code": "INVALID_USER_CREDENTIALS"}}
    crm.fault = lambda operation, count: Reply(body=wrong) if (operation, count) == ("login", 1) else None
    crm.add("Leads")
    assert len(read(source(crm, tmp_path))[0]) == 1
    assert crm.count("getchallenge") == 2


def test_a_wrong_key_fails_after_the_second_login_without_showing_it(crm: VtigerStub, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"does not let admin in.*not the password") as caught:
        read(source(crm, tmp_path, access_key="hush-hush"))
    assert crm.count("login") == 2
    assert "hush" not in str(caught.value)


def test_challenge_and_login_of_one_user_never_cross(crm: VtigerStub, tmp_path: Path) -> None:
    for number in range(40):
        crm.add("Leads", lastname=str(number))
    rows, _ = read(source(crm, tmp_path, sessions=5, page_size=2))
    assert len(rows) == 40
    assert 1 < crm.logins <= 5
    assert crm.count("login") == crm.logins
    assert not any(locks.is_held(path) for path in (tmp_path / ".locks").iterdir())


@pytest.mark.parametrize("version", ["6.5.0", "5.4"])
def test_an_old_version_is_refused(crm: VtigerStub, tmp_path: Path, version: str) -> None:
    """A8."""
    crm.user["vtigerVersion"] = version
    with pytest.raises(PermanentError, match=rf"Vtiger {version}.*7\.0 is the oldest"):
        read(source(crm, tmp_path))


def test_a_user_in_another_time_zone_than_the_connection_says_is_refused(crm: VtigerStub, tmp_path: Path) -> None:
    crm.user["time_zone"] = "Europe/Rome"
    with pytest.raises(PermanentError, match=r"Europe/Rome.*says UTC"):
        read(source(crm, tmp_path))


# What goes wrong


def test_an_empty_500_is_tried_again(crm: VtigerStub, tmp_path: Path) -> None:
    wanted = [crm.add("Leads") for _ in range(3)]
    crm.fault = lambda operation, count: Reply(500, "") if operation == "query" and count < 3 else None
    assert ids_of(read(source(crm, tmp_path))[0]) == wanted


def test_a_server_that_stays_broken_is_no_end_of_the_list(crm: VtigerStub, tmp_path: Path) -> None:
    for _ in range(150):
        crm.add("Leads")
    crm.fault = lambda operation, count: Reply(500, "") if operation == "query" and count > 3 else None
    with pytest.raises(TransientError):
        read(source(crm, tmp_path))
    with pytest.raises(TransientError), closing(source(crm, tmp_path)) as opened:
        list(opened.ids("leads"))


def test_an_integer_error_code_is_an_error_like_any_other(crm: VtigerStub, tmp_path: Path) -> None:
    no = {"success": False, "error": {"message": "Duplicate(s) detected! jan@geheim.example", "code": 0}}
    crm.fault = lambda operation, count: Reply(body=no) if operation == "describe" else None
    with pytest.raises(PermanentError, match=r"Duplicate\(s\) detected! … \(0\)") as caught:
        read(source(crm, tmp_path))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("body", [[], {"success": True}, {"success": True, "result": None}, "<html>"])
def test_an_answer_that_is_none_is_no_empty_page(crm: VtigerStub, tmp_path: Path, body: Any) -> None:
    crm.add("Leads")
    crm.fault = lambda operation, count: Reply(body=body) if operation == "query" and count > 2 else None
    with pytest.raises(TransientError):
        read(source(crm, tmp_path))


def test_a_page_that_does_not_go_on_ends_the_read(crm: VtigerStub, tmp_path: Path) -> None:
    crm.add("Leads")
    page = {"success": True, "result": [{"id": "10x7", "lastname": "x"}]}
    crm.fault = lambda operation, count: Reply(body=page) if operation == "query" and count > 2 else None
    with pytest.raises(TransientError, match="twice or out of order"):
        read(source(crm, tmp_path))


def test_max_calls_stops_a_read_before_it_costs_more(crm: VtigerStub, tmp_path: Path) -> None:
    for _ in range(20):
        crm.add("Leads")
    with pytest.raises(PermanentError, match="8 calls that max_calls allows"):
        read(source(crm, tmp_path, max_calls=8, page_size=1))
    assert len(crm.asked) == 8


def test_a_literal_is_quoted_and_never_empty() -> None:
    assert literal("D'Angelo") == "'D''Angelo'"
    with pytest.raises(ValueError, match="empty"):
        literal("")


# The Cloud


def test_the_rest_api_takes_basic_auth_and_paths(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        path = request.path.removeprefix("/restapi/v1/vtiger/default/")
        first = "id >" not in request.query.get("query", "")
        results: dict[str, Any] = {
            "me": {"id": "19x6", "time_zone": "UTC"},
            "describe": {
                "name": "Leads",
                "idPrefix": "10",
                "fields": [{"name": name, "label": name, "type": {"name": "string"}} for name in ("id", "email")],
            },
            "query": [{"id": "10x5", "email": "a@leads.example"}] if first else [],
        }
        return Reply(body={"success": True, "result": results[path]})

    with loopback(answer) as server:
        stub = VtigerStub(server)
        rows, _ = read(source(stub, tmp_path, transport="restapi"))
    assert rows == [{"id": "10x5", "email": "a@leads.example"}]
    assert {call.headers["Authorization"] for call in server.received} == {"Basic YWRtaW46RkFLRS1BQ0NFU1MtS0VZ"}


def test_the_rest_api_says_which_credentials_are_refused(tmp_path: Path) -> None:
    with loopback(lambda request: Reply(401, "no")) as server, pytest.raises(PermanentError, match="access_key"):
        read(source(VtigerStub(server), tmp_path, transport="restapi"))


def test_users_that_may_not_be_read_leave_the_owners_ids_and_say_so(crm: VtigerStub, tmp_path: Path) -> None:
    denied = {"success": False, "error": {"message": "Permission denied", "code": "ACCESS_DENIED"}}
    crm.fault = lambda operation, count: Reply(body=denied) if operation == "query" and count < 3 else None
    crm.add("Leads")
    (row,), end = read(source(crm, tmp_path))
    assert row["assigned_user_name"] == "19x1"
    assert end.notes == ("Owners stay ids, because Users or Groups can't be read: Permission denied.",)
