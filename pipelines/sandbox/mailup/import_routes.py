"""How imports look: the state that clients poll, the list of imports, the confirmation mailing.

Belongs here: GET /Console/Import..., GET /Console/Imports... Does not: running them (imports.py).
"""

from pipelines.sandbox.mailup.filters import by_key
from pipelines.sandbox.mailup.lookup import import_at
from pipelines.sandbox.mailup.model import Import, Json
from pipelines.sandbox.mailup.problems import Problem
from pipelines.sandbox.mailup.query import Asked, paged
from pipelines.sandbox.mailup.recipient_routes import console_date
from pipelines.sandbox.mailup.state import State

PROPERTIES = by_key("idImport", "idList", "rows", "startDate", "statusCode", "filename")
WAITING, RUNNING, DONE, FAILED = 1, 2, 3, 4


def _is_told(state: State, item: Import) -> bool:
    completes = item.progress == "done" or (item.progress == "failed" and state.switches.failed_import_completes)
    return completes and state.ticks() >= item.told_at


def _status_code(state: State, item: Import) -> int:
    if item.progress == "failed":
        return FAILED
    if _is_told(state, item):
        return DONE
    first = next((found for found in state.imports if found.progress == "waiting"), item)
    return RUNNING if first is item else WAITING


def _sums(item: Import) -> tuple[int, int, int, int]:
    """Created, updated, valid, not valid."""
    counts = item.counts
    created, updated = counts.get("created", 0), counts.get("updated", 0)
    valid = created + updated + counts.get("repeated", 0)
    return created, updated, valid, counts.get("invalid", 0) + counts.get("without_email", 0)


def get_import(state: State, asked: Asked) -> Json:
    """GET /Console/Import/{id}: counters only; those who opted out count as imported too (section 12.6)."""
    item = import_at(state, asked)
    created, updated, valid, invalid = _sums(item)
    return {
        "idImport": item.id,
        "Completed": _is_told(state, item),
        "CreatedRecipients": created,
        "ImportedRecipients": valid,
        "NotValidRecipients": invalid,
        "UpdatedRecipients": updated,
        "ValidRecipients": valid,
    }


def get_import_sending(state: State, asked: Asked) -> Json:
    """GET /Console/Import/{id}/Sending: the confirmation mailing, which there is once the import is done."""
    item = import_at(state, asked)
    if not item.sending_id:
        raise Problem(state.switches.unknown_status, f"Import {item.id} has no sending.")
    return {"idSending": item.sending_id}


def _filename(item: Import) -> str:
    return f"REST_{item.id}"


def get_imports(state: State, asked: Asked) -> Json:
    """GET /Console/Imports."""
    rows = [
        {
            "filename": _filename(item),
            "idImport": item.id,
            "idList": item.list_id,
            "rows": len(item.rows) or item.counts.get("rows", 0),
            "startDate": console_date(item.started),
            "statusCode": _status_code(state, item),
        }
        for item in state.imports
    ]
    return paged(asked, rows, dict, PROPERTIES, state.switches.max_page_size)


def get_import_details(state: State, asked: Asked) -> Json:
    """GET /Console/Imports/{id}."""
    item = import_at(state, asked)
    is_done, options = item.progress != "waiting", item.options
    return {
        "EndDate": console_date(item.stopped) if is_done else "",
        "FieldSeparator": ";",
        "Filename": _filename(item),
        "IdGroups": [item.group_id] if item.group_id else [],
        "IdImport": item.id,
        "IdList": item.list_id,
        "IgnoreDoubleQuotes": False,
        "IgnoreFirstRow": False,
        "ImportAsUnsubscribed": options["kind"] == "asoptout",
        "IncludePendingRecipients": options["kind"] == "asoptin",
        "OverwriteEmptyFields": options["clear"],
        "ReplaceExistingGroup": options["leave_groups"],
        "Rows": _rows(item),
        "SendConfirmationEmail": options["confirm"],
        "StartDate": console_date(item.started),
        "StatusCode": _status_code(state, item),
        "StopDate": console_date(item.stopped) if is_done else "",
        "TextDelimiter": '"',
    }


def _rows(item: Import) -> Json:
    created, updated, valid, invalid = _sums(item)
    return {
        "Total": len(item.rows) or item.counts.get("rows", 0),
        "Invalid": {
            "InvalidEmail": item.counts.get("invalid", 0),
            "InvalidNumber": 0,
            "Total": invalid,
            "WithoutEmail": item.counts.get("without_email", 0),
            "WithoutNumber": 0,
            "WithoutPrefix": 0,
        },
        "Valid": {
            "EmailNew": created,
            "EmailUpdate": updated,
            "NumberNew": 0,
            "NumberUpdate": 0,
            "RepeatedEmail": item.counts.get("repeated", 0),
            "RepeatedNumber": 0,
            "Total": valid,
        },
    }
