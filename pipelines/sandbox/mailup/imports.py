"""Asynchronous imports: taking them, running them when their time has come, and telling how far they are.

Belongs here: section 6.2 of the contract. Does not: the rules of recipients (recipients.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.sandbox.mailup import recipients
from pipelines.sandbox.mailup.lookup import group_at, list_at
from pipelines.sandbox.mailup.model import Group, Import, Recipient, Sending
from pipelines.sandbox.mailup.problems import Problem, bad_request
from pipelines.sandbox.mailup.query import Asked
from pipelines.sandbox.mailup.state import State
from pipelines.sandbox.mailup.values import Blanks, is_address, read_row

TYPES = ("", "asoptin", "asoptout")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an import's query; the 'confirmMessage' of one client is none and does nothing."""

    confirm: bool
    kind: str
    clear: bool
    leave_groups: bool
    ignore_mobile: bool

    @classmethod
    def of(cls, asked: Asked) -> "Options":
        """From the query; an importType that does not exist is a Problem."""
        kind = asked.query.get("importtype", "").lower()
        if kind not in TYPES:
            raise bad_request("'importType' must be asOptin or asOptout.")
        return cls(
            confirm=asked.is_on("confirmemail"),
            kind=kind,
            clear=asked.is_on("clearmissingoremptyfields"),
            leave_groups=asked.is_on("removefromprevgroups"),
            ignore_mobile=asked.is_on("ignoremobile"),
        )


def post_list_import(state: State, asked: Asked) -> int:
    """POST /Console/List/{id}/Recipients: the id of the import as a bare integer."""
    return _start(state, asked, list_at(state, asked).id, None)


def post_group_import(state: State, asked: Asked) -> int:
    """POST /Console/Group/{id}/Recipients: into the group and its list."""
    group = group_at(state, asked)
    return _start(state, asked, group.list_id, group)


def _start(state: State, asked: Asked, list_id: int, group: Group | None) -> int:
    options, rows = Options.of(asked), _rows(state, asked.json())
    waiting = [item for item in state.imports if item.progress == "waiting"]
    switches = state.switches
    if waiting and switches.second_import == "refused":
        raise bad_request("Another import is running.")
    begin = max([state.ticks(), *(item.due_at for item in waiting)])
    due_at = begin + switches.import_seconds + len(rows) / switches.import_rows_per_second
    account = state.account
    made = Import(
        id=state.number("import"),
        list_id=list_id,
        group_id=group.id if group else 0,
        route=asked.route,
        options=asdict(options),
        rows=rows,
        started=state.stamp(),
        due_at=due_at,
        told_at=due_at + switches.import_late,
        fate=account.fates.pop(0) if account.fates else "",
    )
    state.save_account(account)
    state.imports.put(made)
    state.remember("import_add", list_id=list_id, group_id=made.group_id, id=made.id)
    return made.id


def _rows(state: State, body: Any) -> list[Any]:
    """The body's recipients; a form that does not fit refuses the whole import."""
    if not isinstance(body, list):
        raise bad_request("The request body must be a list of recipients.")
    if len(body) > state.switches.max_import_rows:
        raise bad_request("The request body is too large.")
    for item in body:
        read_row(state, item)
        if item.get("Name") is None:
            raise bad_request("'Name' is required.")
    return body


def settle(state: State) -> None:
    """Runs the imports whose time has come, one after the other; one that is stalled holds up those behind it."""
    for item in state.imports:
        if item.progress != "waiting":
            continue
        if item.fate == "stall" or item.due_at > state.ticks():
            return
        with state.request("api", "POST", item.route):
            _run(state, item)


def _run(state: State, item: Import) -> None:
    rows = {"": item.rows, "half": item.rows[: len(item.rows) // 2], "fail": []}[item.fate]
    runner = _Runner(state, item)
    for row in rows:
        runner.take(row)
    item.counts = {"rows": len(item.rows), **runner.counts}
    item.progress = "failed" if item.fate == "fail" else "done"
    item.rows, item.stopped = [], state.stamp()
    if runner.pending:
        item.sending_id = _confirmation(state, item, runner.pending)
    state.imports.put(item)


def _confirmation(state: State, item: Import, chosen: Sequence[int]) -> int:
    """The mailing that asks people to confirm: created, but not sent (section 6.2)."""
    sending = Sending(
        id=state.number("sending"),
        message_id=0,
        list_id=item.list_id,
        queue="Undefined",
        sender_name=state.account.company,
        sender_email="info@voorbeeld.example",
        chosen=list(chosen),
        is_confirmation=True,
    )
    state.sendings.put(sending)
    return sending.id


class _Runner:
    """One import as it works through its rows."""

    def __init__(self, state: State, item: Import) -> None:
        self._state = state
        self._item = item
        self._options = Options(**item.options)
        self._seen: set[int] = set()
        group = state.groups.get(str(item.group_id))
        self._group_id = group.id if group else 0
        self._others = tuple(
            found.id for found in state.groups_of(item.list_id) if group is not None and found.id != group.id
        )
        self.counts: Counter[str] = Counter()
        self.pending: list[int] = []

    def take(self, sent: Any) -> None:
        """One row: counted, and done unless it is not valid."""
        state, options = self._state, self._options
        row = read_row(state, sent)
        if not row.email:
            self.counts["without_email"] += 1
            return
        known = state.book.at(row.email)
        with_mobile = not options.ignore_mobile
        if not is_address(row.email) or (with_mobile and recipients.conflicting_mobile(state, row, known)):
            self.counts["invalid"] += 1
            return
        blanks: Blanks = "all cleared" if options.clear else "kept"
        recipient, is_new = recipients.save(state, row, blanks, with_mobile=with_mobile)
        self._count(recipient, is_new)
        self._subscribe(recipient)
        self._into_group(recipient)

    def _count(self, recipient: Recipient, is_new: bool) -> None:
        repeated = recipient.id in self._seen
        self._seen.add(recipient.id)
        self.counts["repeated" if repeated else "created" if is_new else "updated"] += 1

    def _subscribe(self, recipient: Recipient) -> None:
        state, list_id = self._state, self._item.list_id
        before = state.subscriptions.get(list_id, recipient.id)
        was_pending = before is not None and before.status == "Pending"
        if self._options.kind == "asoptout":
            recipients.leave(state, recipient, list_id, recipients.IMPORTED)
        elif self._options.kind == "asoptin":
            self._force(recipient)
        else:
            recipients.enter(state, recipient, list_id, confirm=self._options.confirm)
        after = state.subscriptions.get(list_id, recipient.id)
        if self._options.confirm and after and after.status == "Pending" and not was_pending:
            self.pending.append(recipient.id)

    def _force(self, recipient: Recipient) -> None:
        try:
            recipients.force(self._state, recipient, self._item.list_id)
        except Problem:
            self.counts["invalid"] += 1

    def _into_group(self, recipient: Recipient) -> None:
        if not self._group_id:
            return
        if self._options.leave_groups:
            for group_id in self._others:
                recipients.leave_group(self._state, recipient, group_id)
        recipients.join_group(self._state, recipient, self._group_id)
