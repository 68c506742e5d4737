"""A little Vtiger on loopback, as its contract has seen it answer: sessions, describe, queries, writes.

Belongs here: the few operations that the connector uses, with the traps of each, and switches for what goes wrong.
Does not: users' rights, views, anything the connector must not rely on.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from loopback import Loopback, Received, Reply, loopback

Record = dict[str, Any]
ACCESS_KEY = "FAKE-ACCESS-KEY"
TYPES = {"Leads": "10", "Accounts": "11", "Contacts": "12", "Events": "18", "ModComments": "30"}
FIELDS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "Leads": (
        ("firstname", "First Name", "string"),
        ("lastname", "Last Name", "string"),
        ("email", "Primary Email", "email"),
        ("leadstatus", "Lead Status", {"name": "picklist", "picklistValues": [{"label": "Hot", "value": "Hot"}]}),
        ("assigned_user_id", "Assigned To", "owner"),
        ("modifiedtime", "Modified Time", "datetime"),
        ("emailoptout", "Email Opt Out", "boolean"),
        ("cf_853", "Interests", {"name": "multipicklist", "picklistValues": [{"label": "Art", "value": "Art"}]}),
        ("cf_855", "Member Since", "date"),
        ("cf_857", "Twin", "string"),
        ("cf_858", "Twin", "string"),
    ),
    "Events": (
        ("subject", "Subject", "string"),
        ("assigned_user_id", "Assigned To", "owner"),
        ("activitytype", "Activity Type", {"name": "picklist", "picklistValues": [{"label": "Call", "value": "Call"}]}),
        ("parent_id", "Related To", {"name": "reference", "refersTo": ["Leads", "Accounts"]}),
        ("contact_id", "Contact Name", {"name": "reference", "refersTo": ["Contacts"]}),
        ("description", "Description", "text"),
        ("modifiedtime", "Modified Time", "datetime"),
    ),
    "ModComments": (
        ("commentcontent", "Comment", "text"),
        ("related_to", "Related To", {"name": "reference", "refersTo": ["Leads", "Contacts"]}),
        ("modifiedtime", "Modified Time", "datetime"),
    ),
}
FIELDS["Contacts"] = FIELDS["Accounts"] = FIELDS["Leads"]
QUERY = re.compile(r"select (.+?) from (\w+)(?: where (.+?))?(?: order by id( desc)?)? limit (\d+);")
CONDITION = re.compile(r"(\w+) ?(>=|<=|>|=) ?'((?:[^']|'')+)'")


class Refused(Exception):
    """A failure as Vtiger answers it."""


@dataclass
class VtigerStub:
    """What is in it, what was asked of it, and what goes wrong next."""

    server: Loopback
    records: dict[str, dict[int, Record]] = field(default_factory=lambda: {name: {} for name in TYPES})
    user: Record = field(default_factory=lambda: {"time_zone": "UTC", "vtigerVersion": "8.4.0"})
    users: list[Record] = field(default_factory=lambda: [{"id": "19x1", "user_name": "admin", "last_name": "Boss"}])
    groups: list[Record] = field(default_factory=lambda: [{"id": "20x3", "groupname": "Marketing"}])
    sessions: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    fault: Callable[[str, int], Reply | None] = lambda operation, count: None
    after: Callable[[str], Reply | None] = lambda operation: None
    clock: str = "2026-11-21 18:00:00"
    challenge: str = ""
    logins: int = 0
    last: int = 0

    def add(self, module: str, **values: Any) -> str:
        self.last += 1
        blank = {name: "" for name, _, _ in FIELDS[module]}
        standard = {"assigned_user_id": "19x1", "emailoptout": "0", "cf_855": None, "modifiedtime": self.clock}
        record = blank | {name: value for name, value in standard.items() if name in blank} | values
        record["id"] = f"{TYPES[module]}x{self.last}"
        self.records[module][self.last] = record
        return str(record["id"])

    def count(self, operation: str) -> int:
        return sum(asked["operation"] == operation for asked in self.asked)

    def find(self, key: str) -> Record:
        prefix, _, number = key.partition("x")
        for module, own in TYPES.items():
            if own == prefix and int(number) in self.records[module]:
                return self.records[module][int(number)]
        raise Refused("Permission to perform the operation is denied", "ACCESS_DENIED")

    def answer(self, request: Received) -> Reply:
        body = request.body if isinstance(request.body, str) else ""
        form = {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
        asked = request.query | form
        self.asked.append(asked)
        operation = asked["operation"]
        reply = self.fault(operation, self.count(operation))
        if reply is None:
            try:
                reply = Reply(body={"success": True, "result": self.result(request.method, operation, asked)})
            except Refused as no:
                reply = Reply(body={"success": False, "error": {"message": no.args[0], "code": no.args[1]}})
        return self.after(operation) or reply

    def result(self, method: str, operation: str, asked: dict[str, str]) -> Any:
        reads = ("getchallenge", "listtypes", "describe", "retrieve", "query")
        if method != ("GET" if operation in reads else "POST"):
            raise Refused(f"Permission to perform the operation is denied for {operation}", "ACCESS_DENIED")
        if operation in ("getchallenge", "login"):
            return getattr(self, operation)(asked)
        if not asked.get("sessionName"):
            raise Refused("Authencation required", "AUTHENTICATION_REQUIRED")
        if asked["sessionName"] not in self.sessions:
            raise Refused("Session Identifier provided is Invalid", "INVALID_SESSIONID")
        return getattr(self, operation)(asked)

    def getchallenge(self, asked: dict[str, str]) -> Any:
        self.challenge = f"T{len(self.asked)}"
        return {"token": self.challenge, "serverTime": 1795284858, "expireTime": 1795285158}

    def login(self, asked: dict[str, str]) -> Any:
        digest = hashlib.md5(f"{self.challenge}{ACCESS_KEY}".encode()).hexdigest()
        self.challenge = "used"
        if asked["accessKey"] != digest:
            raise Refused("Invalid username or password", "INVALID_USER_CREDENTIALS")
        self.logins += 1
        self.sessions.add(f"S{self.logins}")
        return {"sessionName": f"S{self.logins}", "userId": "19x1", "username": asked["username"], **self.user}

    def logout(self, asked: dict[str, str]) -> Any:
        self.sessions.discard(asked["sessionName"])
        return {"message": "successfull"}

    def listtypes(self, asked: dict[str, str]) -> Any:
        types = ["Leads", "Accounts", "Contacts"] if "fieldTypeList" in asked else [*TYPES, "Users", "Groups"]
        return {"types": types, "information": {}}

    def describe(self, asked: dict[str, str]) -> Any:
        module = asked["elementType"]
        if module not in FIELDS:
            raise Refused(f"Permission to perform the operation is denied for name : {module}", "ACCESS_DENIED")
        fields = [
            {
                "name": name,
                "label": label,
                "mandatory": name == "lastname",
                "editable": name != "modifiedtime",
                "type": kind if isinstance(kind, dict) else {"name": kind},
            }
            for name, label, kind in (*FIELDS[module], ("id", "leadid", "autogenerated"))
        ]
        return {"label": module, "name": module, "idPrefix": TYPES[module], "fields": fields}

    def query(self, asked: dict[str, str]) -> Any:
        found = QUERY.fullmatch(asked["query"])
        if found is None:
            raise Refused("Syntax Error on line 1", "QUERY_SYNTAX_ERROR")
        fields, module, conditions, descending, limit = found.groups()
        actors = {"Users": self.users, "Groups": self.groups}
        rows = actors[module] if module in actors else list(self.records[module].values())
        if module == "Users" and "first_name" in fields and "first_name" not in self.users[0]:
            raise Refused("Permission to access '.first_name.' attribute denied.", "ACCESS_DENIED")
        for name, operator, value in CONDITION.findall(conditions or ""):
            rows = [row for row in rows if _holds(row, name, operator, value.replace("''", "'"))]
        rows = sorted(rows, key=lambda row: _number(row["id"]), reverse=bool(descending))[: min(int(limit), 100)]
        names = None if fields == "*" else [*fields.split(","), "id"]
        return [{name: value for name, value in row.items() if names is None or name in names} for row in rows]

    def retrieve(self, asked: dict[str, str]) -> Any:
        return self.find(asked["id"]) | {"label": "O&#039;Brien"}

    def revise(self, asked: dict[str, str]) -> Any:
        element = json.loads(asked["element"])
        record = self.find(element["id"])
        record |= {name: _stored(name, value) for name, value in element.items() if name in record}
        record["modifiedtime"] = self.clock
        return dict(record)

    def create(self, asked: dict[str, str]) -> Any:
        return dict(self.find(self.add(asked["elementType"], **json.loads(asked["element"]))))


def _stored(name: str, value: Any) -> Any:
    if name == "emailoptout":
        return "1" if value in (True, 1, "1", "on") else "0"
    return value.replace("🚲", "??") if isinstance(value, str) else value


def _number(record_id: str) -> int:
    return int(record_id.partition("x")[2])


def _holds(row: Record, name: str, operator: str, value: str) -> bool:
    here: Any = _number(row["id"]) if name == "id" else str(row.get(name) or "")
    there: Any = _number(value) if name == "id" else value
    return bool({">": here > there, ">=": here >= there, "<=": here <= there, "=": here == there}[operator])


@contextmanager
def vtiger_stub() -> Iterator[VtigerStub]:
    """A fresh one on a free port."""
    stub: list[VtigerStub] = []
    with loopback(lambda request: stub[0].answer(request)) as server:
        stub.append(VtigerStub(server))
        yield stub[0]
