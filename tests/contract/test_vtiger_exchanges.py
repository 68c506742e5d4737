"""Every recorded exchange with Vtiger 8.4.0 against the simulator, in the order in which they were recorded.

Replayed with their values: all but those below. The simulator is filled with the rows that the recordings show, and
with nameless ones between them, so that numbers, counts and pages come out as recorded. Tokens and sessions differ.

    rows only      29, 30 and 42 have a LIMIT without ORDER BY: which rows come is chance; keys and number are compared,
                   and that the recorded rows are among those without the limit
    shape only     90, 92, 93: ids of views and their members belong to another moment
    not replayed   94 (mobile.query), 95 and 96 (wsapp_*): no connector may use them (sections 5 and 9), so that the
                   simulator has none of them; 96 was recorded without its session besides
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from pipelines.sandbox.server import Sandbox
from pipelines.sandbox.vtiger.simulator import Vtiger

REPO = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("ENLIST_SHARED") or REPO.parent / "shared") / "contracts" / "vtiger"
NOT_REPLAYED = ("94_mobile_query", "95_wsapp_register", "96_wsapp_get")
BY_CHANCE = ("29_query_like", "30_query_in", "42_query_cf")
SHAPE_ONLY = ("90_mobile_fetchmodulefilters", "92_mobile_listmodulerecords", "93_mobile_listmodulerecords_contacts")
SECRETS = {"token", "sessionName"}
RECORDS = ("Leads", 402, 762), ("Contacts", 82, 402), ("Accounts", 2, 82)
PREFIXES = {"Leads": "10", "Contacts": "12", "Accounts": "11"}
Json = dict[str, Any]


def recordings() -> dict[str, Json]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


RECORDED = recordings()
# Recorded when the lead had events but no task yet.
EARLIER = {"76_retrieve_related_events": "71_z"}
NAMES = sorted((name for name in RECORDED if name not in NOT_REPLAYED), key=lambda name: EARLIER.get(name, name))
pytestmark = pytest.mark.skipif(
    not RECORDED, reason="no recorded exchanges: set ENLIST_SHARED to the folder that holds contracts/vtiger/"
)


def rows_of(recorded: Json) -> list[Json]:
    """Every record that an answer shows."""
    result = recorded["response"]["json"] and recorded["response"]["json"].get("result")
    rows = result.get("records", [result]) if isinstance(result, dict) else result or []
    return [row for row in rows if re.fullmatch(r"\d+x\d+", str(row.get("id")))]


def known_rows() -> dict[str, Json]:
    """What the recordings tell of each record, as it was before the first change."""
    known: dict[str, Json] = {}
    for recorded in RECORDED.values():
        for row in rows_of(recorded):
            mine = known.setdefault(row["id"], {})
            mine.update({name: value for name, value in row.items() if name not in mine and isinstance(value, str)})
    return known


def second(number: int) -> str:
    """When a lead came: several in each second, as recorded."""
    steps = ((760, "44"), (701, "41"), (501, "33"), (0, "30"))
    return f"2026-11-21 18:13:{next(text for first, text in steps if number >= first)}"


def fill(vtiger: Vtiger) -> None:
    known = known_rows()
    for module, first, end in RECORDS:
        rows = []
        for number in range(first, end):
            record_id = f"{PREFIXES[module]}x{number}"
            row = {"id": record_id, "lastname": "-", "accountname": f"A{number}", "source": "WEBSERVICE"}
            if module == "Leads":
                row |= {
                    "createdtime": second(number),
                    "modifiedtime": second(number),
                    "lead_no": f"LEA{min(number - 401, 350)}",
                }
            rows.append({**row, **{name: value for name, value in known.get(record_id, {}).items() if name != "label"}})
        vtiger.add_records(module, rows)
    vtiger.edit("11x3", accountname="Kowalski & Co 000")
    vtiger.edit("12x399", email="shared.box@people.example")
    vtiger.edit_user("admin", email1="admin@example.test")
    vtiger.add_view("Leads", "Newsletter leads", "emailoptout = '0'")


class Replay:
    """Sends the recorded requests with the tokens, sessions and ids of views that are valid here."""

    def __init__(self, vtiger: Vtiger) -> None:
        self.vtiger = vtiger
        self.real: dict[str, str] = {}
        self.http = requests.Session()
        self.http.trust_env = False
        self.views = {name: str(vtiger.add_view(name, "Replayed")) for name in ("Leads", "Contacts")}

    def send(self, request: Json) -> tuple[int, Any]:
        sent = {name: self.real.get(value, value) for name, value in (request.get("query") or request["form"]).items()}
        if sent.get("operation") == "login" and sent["accessKey"] != "0" * 32:
            sent["accessKey"] = self.digest(self.real["FAKE-CHALLENGE-TOKEN"])
        if sent.get("operation") == "mobile.listmodulerecords":
            asked = json.loads(sent["elements"])
            sent["elements"] = json.dumps({**asked, "filterid": self.views[asked["module"]]})
        where = "params" if request["method"] == "GET" else "data"
        url = f"{self.vtiger.url}/webservice.php"
        answer = self.http.request(request["method"], url, timeout=20, **{where: sent})
        return answer.status_code, answer.json() if answer.content else ""

    def digest(self, token: str) -> str:
        return hashlib.md5((token + self.vtiger.access_key).encode()).hexdigest()

    def learn(self, recorded: Json, found: Any) -> None:
        """Remembers which real token or session stands for the recorded one."""
        before, now = recorded["response"]["json"], found
        for name in SECRETS:
            if isinstance(before, dict) and isinstance(before.get("result"), dict) and name in before["result"]:
                self.real[before["result"][name]] = now["result"][name]

    def log_in_again(self) -> str:
        form = {"operation": "getchallenge", "username": "admin"}
        token = self.send({"method": "GET", "query": form})[1]["result"]["token"]
        login = {"operation": "login", "username": "admin", "accessKey": self.digest(token)}
        answer = self.http.post(f"{self.vtiger.url}/webservice.php", data=login, timeout=20)
        return str(answer.json()["result"]["sessionName"])


def moment_of(name: str, recorded: Json) -> datetime | None:
    """When it was recorded, as far as the answer tells."""
    if name == "01_getchallenge":
        return datetime.fromtimestamp(recorded["response"]["json"]["result"]["serverTime"], UTC)
    writes = recorded["request"].get("form", {}).get("operation") in ("create", "revise", "update")
    times = [row["modifiedtime"] for row in rows_of(recorded) if writes]
    return datetime.fromisoformat(f"{times[0]}+00:00") if times else None


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, Any]]]:
    """What the simulator answers to each of them, sent in order; and, without their limits, those by chance."""
    now = [datetime(2026, 11, 21, 18, 14, tzinfo=UTC)]
    with Sandbox(tmp_path_factory.mktemp("exchanges"), port=0, clock=lambda: now[0]) as sandbox:
        fill(sandbox.vtiger)
        replay, found = Replay(sandbox.vtiger), {}
        for name in NAMES:
            recorded = RECORDED[name]
            now[0] = moment_of(name, recorded) or now[0]
            if name == "98_logout":
                replay.real["FAKE-SESSION-2"] = replay.log_in_again()
            found[name] = replay.send(recorded["request"])
            replay.learn(recorded, found[name][1])
        for name in BY_CHANCE:
            request = RECORDED[name]["request"]
            text = re.sub(r"limit \d+;", "order by id;", request["query"]["query"])
            found[f"{name} without limit"] = replay.send({**request, "query": {**request["query"], "query": text}})
        yield found
        replay.http.close()


def without_secrets(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: "SECRET" if name in SECRETS else without_secrets(value) for name, value in found.items()}
    return [without_secrets(item) for item in found] if isinstance(found, list) else found


def shape(found: Any) -> Any:
    """Keys and types, those of a list's first item for all of it."""
    if isinstance(found, dict):
        return {name: shape(value) for name, value in found.items()}
    return [shape(found[0])] if isinstance(found, list) and found else type(found).__name__


def test_every_exchange_is_replayed_or_named_with_its_reason() -> None:
    assert set(NOT_REPLAYED + BY_CHANCE + SHAPE_ONLY) <= set(RECORDED)
    assert len(NAMES) == len(RECORDED) - len(NOT_REPLAYED) >= 80


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_CHANCE + SHAPE_ONLY])
def test_the_simulator_answers_as_vtiger_did(name: str, answers: dict[str, tuple[int, Any]]) -> None:
    expected = without_secrets(RECORDED[name]["response"]["json"])
    status, found = answers[name]
    note = expected.pop("_note", "") if isinstance(expected, dict) else ""
    if note:
        total, shown = map(int, re.findall(r"\d+", note))
        assert len(found["result"]) == total
        found = {**found, "result": found["result"][:shown]}
    assert (status, without_secrets(found)) == (RECORDED[name]["response"]["status"], expected)


@pytest.mark.parametrize("name", BY_CHANCE)
def test_a_limit_without_order_gives_as_many_rows_of_the_same_kind(
    name: str, answers: dict[str, tuple[int, Any]]
) -> None:
    expected = RECORDED[name]["response"]["json"]["result"]
    found, whole = answers[name][1]["result"], answers[f"{name} without limit"][1]["result"]
    assert [list(row) for row in found] == [list(row) for row in expected]
    assert all(row in whole for row in expected)


@pytest.mark.parametrize("name", SHAPE_ONLY)
def test_views_answer_in_the_recorded_shape(name: str, answers: dict[str, tuple[int, Any]]) -> None:
    status, found = answers[name]
    assert (status, shape(found)) == (200, shape(RECORDED[name]["response"]["json"]))
