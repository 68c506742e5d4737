"""Putting the samples where the sample syncs find them: files into the home, records into the sandbox's simulators.

Belongs here: the order of that, through the sandbox's back stage, whichever process it runs in. Does not: what a
sample holds (its module), when it is needed (cli/rehearsal.py).
"""

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import requests

from pipelines.errors import TransientError
from pipelines.sandbox.samples.iteras import FIRST_NUMBER, iteras_customers
from pipelines.sandbox.samples.mailup import MAILUP_FIELDS, PastList, mailup_past
from pipelines.sandbox.samples.mira import write_mira
from pipelines.sandbox.samples.teamsystem import write_teamsystem
from pipelines.sandbox.samples.vtiger import OWNERS, VTIGER_FIELDS, VTIGER_VIEWS, vtiger_records

TSC, MIRA = Path("crm/tsc"), Path("crm/mira")
TIMEOUT = (5, 60)
FIRST_NEW_LIST = "2"  # a fresh sandbox has one list


def prepare_samples(home: Path, syncs: Collection[str], sandbox: str, today: date) -> Iterator[str]:
    """Give those of the sample syncs named that lack it their CRM and what was at MailUp before; says what was made.

    `sandbox` is the root of a sandbox that runs. The sample of auditcase_mailchimp is not among these: a home may read
    it under any name.
    """
    folders = [home / folder for sync, folder in {"tsc_mailup": TSC, "mira_mailup": MIRA}.items() if sync in syncs]
    for path in write_exports(home, folders):
        yield f"Sample CRM: {path.relative_to(home)}"
    if "iteras_mailchimp" in syncs and (count := fill_iteras(sandbox, today)):
        yield f"Sample CRM: {count:,} customers of Iteras"
    if "vtiger_mailup" in syncs and (count := fill_vtiger(sandbox)):
        yield f"Sample CRM: {count:,} records of Vtiger"
    if any(sync.endswith("_mailup") for sync in syncs) and (lists := fill_mailup(sandbox)):
        yield f"Sample account: {len(lists)} audiences of MailUp"


def write_exports(home: Path, folders: Collection[Path] | None = None) -> list[Path]:
    """Write the exports of TeamSystem and Mira that the home's crm/ folder does not have yet; which were written."""
    written = []
    for folder, write in ((home / TSC, write_teamsystem), (home / MIRA, write_mira)):
        if not folder.exists() and (folders is None or folder in folders):
            written += write(folder)
    return written


def fill_iteras(sandbox: str, today: date, people: int = 600) -> int:
    """Put the sample customers into a sandbox that has none, periods as of `today`; how many. `sandbox` is its root."""
    with _Stage(sandbox) as stage:
        if stage.get("iteras/customers", id=str(FIRST_NUMBER))["customer"]:
            return 0
        customers = iteras_customers(people, today=today)
        stage.post("iteras/customers", customers=customers)
        return len(customers)


def fill_vtiger(sandbox: str, people: int = 700) -> int:
    """Put users, custom fields, views and sample records into a sandbox without leads; how many records."""
    with _Stage(sandbox) as stage:
        if stage.get("vtiger/records", module="Leads")["records"]:
            return 0
        fields = _vtiger_fields(stage)
        owners = {
            f"{first} {last}": stage.post("vtiger/users", user_name=last.lower(), first_name=first, last_name=last)[
                "id"
            ]
            for first, last in OWNERS
        }
        count = 0
        for module, records in vtiger_records(people).items():
            rows = [
                {fields[module].get(name, name): owners.get(value, value) for name, value in record.items()}
                for record in records
            ]
            stage.post("vtiger/records", module=module, records=rows)
            count += len(rows)
        return count


def _vtiger_fields(stage: "_Stage") -> dict[str, dict[str, str]]:
    """Names of the custom fields by module and label, after making them and the views that use them."""
    names: dict[str, dict[str, str]] = {"Leads": {}, "Contacts": {}, "Accounts": {}}
    for module, label, kind, values in VTIGER_FIELDS:
        made = stage.post("vtiger/fields", module=module, label=label, type=kind, values=values)
        names[module][label] = made["name"]
    for module, name, where in VTIGER_VIEWS:
        stage.post("vtiger/views", module=module, name=name, where=where.format_map(names[module]))
    return names


def fill_mailup(sandbox: str) -> dict[str, int]:
    """Make the lists of the sample syncs with what they held before; their ids by name, {} where they are there."""
    with _Stage(sandbox) as stage:
        if stage.get("mailup/people", list_id=FIRST_NEW_LIST)["recipients"]:
            return {}
        for number, label in MAILUP_FIELDS.items():
            stage.post("mailup/fields", id=number, description=label)
        return {past.name: _make_list(stage, past) for past in mailup_past()}


def _make_list(stage: "_Stage", past: PastList) -> int:
    list_id = int(stage.post("mailup/lists", name=past.name)["list_id"])
    groups = {name: stage.post("mailup/groups", list_id=list_id, name=name)["group_id"] for name in past.groups}
    for known in past.people:
        group = {"group_id": groups[known.group]} if known.group else {}
        options = {**known.options, **group}
        stage.post("mailup/act", list_id=list_id, email=known.email, act="add_by_hand", **options)
    return list_id


class _Stage:
    """The back stage of a sandbox."""

    def __init__(self, sandbox: str) -> None:
        self._root = f"{sandbox}/sandbox"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment knows nothing of this machine's ports

    def __enter__(self) -> "_Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, page: str, **query: str) -> Any:
        """What a page shows."""
        return self._call("GET", page, params=query)

    def post(self, page: str, **body: Any) -> Any:
        """What a page answers to a JSON object."""
        return self._call("POST", page, json=body)

    def _call(self, method: str, page: str, **arguments: Any) -> Any:
        answer = self._session.request(method, f"{self._root}/{page}", timeout=TIMEOUT, **arguments)
        if not answer.ok:
            what = f"the sandbox answered {answer.status_code} to the samples."
            raise TransientError(what, where=page, do="Stop it, delete sandbox/ in the home, and try again.")
        return answer.json()
