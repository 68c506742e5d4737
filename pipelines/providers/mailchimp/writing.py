"""Changes sent to Mailchimp; every change comes back with exactly one outcome.

Belongs here: bodies and answers. Does not: which changes travel together (batching.py), what a refusal means
(refusals.py), what is left open (settling.py), who gets mail (the plan).

Repeating any of these calls is safe: each names the state that it wants. An add that took effect before is refused as
"exists", an archived member as "can't be removed", a renamed one as "not found"; such rows are settled by reading.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.errors import ProviderError
from pipelines.http.client import Answer, RefusedError
from pipelines.providers.base import Batch, Change, Op, Outcome
from pipelines.providers.mailchimp.batching import is_single, tag_calls, tag_difference
from pipelines.providers.mailchimp.client import Client, document
from pipelines.providers.mailchimp.reading import Reading, audience_path, member_path
from pipelines.providers.mailchimp.refusals import Reason, failed, of_answer, of_row, refused
from pipelines.providers.mailchimp.segments import Segments
from pipelines.providers.mailchimp.settling import Settling, applied, group_difference, names
from pipelines.providers.mailchimp.status_guard import StatusGuard
from pipelines.providers.mailchimp.values import WORDS, from_text, member_ids, same
from pipelines.providers.rows import is_of_row, raise_if_nothing_answered, side_by_side, split

if TYPE_CHECKING:
    from pipelines.config.connections import MailchimpConnection

WITHOUT_STATUS: frozenset[Op] = frozenset({"update", "join", "leave"})
ROW_STATUSES = frozenset({400, 404, 405})  # other refusals are of the call, whatever its row

Open = tuple[Change, Reason | None]


class Writing:
    """Sends batches to the audiences of one account."""

    def __init__(self, client: Client, reading: Reading, connection: "MailchimpConnection") -> None:
        self._client = client
        self._reading = reading
        self._size = connection.batch_size
        self._skip_merge_validation = connection.skip_merge_validation
        self._update_singly = connection.update_without_status == "single"
        self._segments = Segments(client)
        self._settling = Settling(reading)
        self._guard = StatusGuard(client, reading)
        self._address_fields: dict[str, frozenset[str]] = {}

    def send(self, audience_id: str, batch: Batch) -> list[Outcome]:
        """Outcomes in the order of the changes; see `Provider.send`."""
        outcomes = {change.change_id: outcome for change, outcome in self._declined(audience_id, batch.changes)}
        rest = [change for change in batch.changes if change.change_id not in outcomes]
        if batch.op in ("tag", "untag"):
            outcomes.update(self._send_tags(audience_id, batch.op, rest))
        else:
            single = [change for change in rest if is_single(change, update_singly=self._update_singly)]
            together = [change for change in rest if not is_single(change, update_singly=self._update_singly)]
            outcomes.update(self._send_single(audience_id, single))
            outcomes.update(self._send_together(audience_id, batch.op, together))
        return [outcomes[change.change_id] for change in batch.changes]

    def _declined(self, audience_id: str, changes: Sequence[Change]) -> Iterator[tuple[Change, Outcome]]:
        """What is refused before anything is sent."""
        known = (
            self._reading.group_ids(audience_id) if any(change.op in ("join", "leave") for change in changes) else {}
        )
        for change in changes:
            if change.op == "unsubscribe" and (change.before or {}).get("status") == "bounced":
                yield change, refused(change, Reason("cleaned", None))  # a bounce is never overwritten (F7)
            if change.op in ("join", "leave"):
                entered, left = group_difference(change)
                if not known.keys() >= {*entered, *left}:
                    yield change, refused(change, Reason("unknown_group", None))

    # One call for many rows

    def _send_together(self, audience_id: str, op: Op, changes: Sequence[Change]) -> dict[str, Outcome]:
        if not changes:
            return {}
        known = self._guard.before(audience_id, changes) if op in WITHOUT_STATUS else {}
        results = list(split(changes, lambda rows: self._post(audience_id, op, rows)))
        raise_if_nothing_answered(None if is_of_row(result) else result for _, result in results)
        outcomes: dict[str, Outcome] = {}
        open_rows: list[Open] = []
        for rows, result in results:
            if is_of_row(result):
                outcomes.update(
                    (change.change_id, self._settle_refusal(audience_id, change, result)) for change in rows
                )
            elif isinstance(result, ProviderError):
                outcomes.update((change.change_id, failed(change, result.what)) for change in rows)
            else:
                if op in WITHOUT_STATUS:
                    self._guard.check(audience_id, known, document(result))
                outcomes.update(_read_batch_answer(rows, result, open_rows))
        outcomes.update(self._settle(audience_id, open_rows))
        return outcomes

    def _post(self, audience_id: str, op: Op, changes: Sequence[Change]) -> Answer:
        items = [{"email_address": change.email, **self._content(audience_id, change)} for change in changes]
        # An opt-out must not fail because a required merge field is empty.
        query = {"skip_merge_validation": "true"} if self._skip_merge_validation or op == "unsubscribe" else None
        body = {"members": items, "update_existing": op != "add"}
        return self._client.call("POST", audience_path(audience_id), query=query, json=body)

    def _content(self, audience_id: str, change: Change) -> dict[str, Any]:
        """What a change says about its member, apart from the address."""
        if change.op in ("join", "leave"):
            ids = self._reading.group_ids(audience_id)
            entered, left = group_difference(change)
            return {"interests": {ids[key]: key in entered for key in (*entered, *left)}}
        content: dict[str, Any] = {}
        if change.op in ("add", "unsubscribe"):  # nothing else may ever name a status
            content["status"] = WORDS[change.after["status"]]
        if names(change):
            content["merge_fields"] = self._merge_fields(audience_id, change.after["fields"])
        return content

    def _merge_fields(self, audience_id: str, fields: Mapping[str, str]) -> dict[str, Any]:
        if not any(text.startswith("{") for text in fields.values()):
            return dict(fields)
        if audience_id not in self._address_fields:
            self._address_fields[audience_id] = frozenset(
                field.name for field in self._reading.merge_fields(audience_id) if field.type == "address"
            )
        addresses = self._address_fields[audience_id]
        return {name: from_text(text, is_address=name in addresses) for name, text in fields.items()}

    # One call for each row, side by side

    def _send_single(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        results = side_by_side(self._client, lambda change: self._send_one(audience_id, change), changes)
        raise_if_nothing_answered(results)
        outcomes = {
            change.change_id: failed(change, result.what) if isinstance(result, ProviderError) else result
            for change, result in zip(changes, results, strict=True)
        }
        if outcomes and all(outcome.code == "not_found" for outcome in outcomes.values()):
            self._client.get(audience_path(audience_id), {"fields": "id"})  # raises where the audience itself is gone
        return outcomes

    def _send_one(self, audience_id: str, change: Change) -> Outcome:
        ids = member_ids(change.provider_id, _present_email(change))
        if change.op not in WITHOUT_STATUS:
            ids = ids[:1]  # what adds, moves or removes somebody must not meet anybody else
        for number, provider_id in enumerate(ids, start=1):
            try:
                return applied(change, self._call_one(audience_id, change, provider_id).body)
            except RefusedError as error:
                if error.status not in ROW_STATUSES:
                    raise
                if error.status != 404 or number == len(ids):
                    return self._settle_refusal(audience_id, change, error)
        raise ValueError("at least one id")

    def _call_one(self, audience_id: str, change: Change, provider_id: str) -> Answer:
        path = member_path(audience_id, provider_id)
        if change.op == "archive":
            return self._client.call("DELETE", path)
        if change.op == "delete":
            return self._client.call("POST", f"{path}/actions/delete-permanent")
        body = self._content(audience_id, change)
        query = {"skip_merge_validation": "true"} if self._skip_merge_validation else None
        if change.op == "add":
            # `status` is what brings back an archived member; `status_if_new` alone may not.
            body = {"email_address": change.email, "status_if_new": body["status"], **body}
            return self._client.call("PUT", path, query=query, json=body)
        if change.op == "rename":
            body = {"email_address": change.email, **body}
        # PATCH, not PUT: somebody who is gone by now must not be made anew, which would restart welcome series (L9).
        return self._client.call("PATCH", path, query=query, json=body)

    def _settle_refusal(self, audience_id: str, change: Change, error: RefusedError) -> Outcome:
        reason = of_answer(error.status or 400, error.body)
        if change.op == "delete" and error.status == 404:
            return applied(change)
        if error.attempts > 1 or error.status == 405 or reason.code == "unknown":
            return self._settling.settle(audience_id, change, reason)
        return refused(change, reason)

    # Tags: calls by tag, outcomes by member

    def _send_tags(self, audience_id: str, op: Op, changes: Sequence[Change]) -> dict[str, Outcome]:
        def work(call: tuple[str, tuple[Change, ...]]) -> list[tuple[Sequence[Change], set[str] | ProviderError]]:
            tag, carried = call
            results = list(split(carried, lambda rows: self._segments.send(audience_id, op, tag, rows)))
            raise_if_nothing_answered(None if is_of_row(result) else result for _, result in results)
            return results

        calls = tag_calls(changes, self._size)
        answers = side_by_side(self._client, work, calls)
        raise_if_nothing_answered(answers)
        confirmed = {change.change_id: 0 for change in changes}
        trouble: dict[str, ProviderError] = {}
        for (_, carried), answer in zip(calls, answers, strict=True):
            for rows, result in [(carried, answer)] if isinstance(answer, ProviderError) else answer:
                if isinstance(result, ProviderError):
                    trouble.update((change.change_id, result) for change in rows)
                else:
                    for change_id in result:
                        confirmed[change_id] += 1
        return self._tag_outcomes(audience_id, changes, confirmed, trouble)

    def _tag_outcomes(
        self,
        audience_id: str,
        changes: Sequence[Change],
        confirmed: Mapping[str, int],
        trouble: Mapping[str, ProviderError],
    ) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        open_rows: list[Open] = []
        for change in changes:
            error = trouble.get(change.change_id)
            if is_of_row(error):
                outcomes[change.change_id] = refused(change, of_answer(error.status or 400, error.body))
            elif error is not None:
                outcomes[change.change_id] = failed(change, error.what)
            elif confirmed[change.change_id] == len(tag_difference(change)):
                outcomes[change.change_id] = applied(change)
            else:
                open_rows.append((change, None))
        return outcomes | self._settle(audience_id, open_rows)

    def _settle(self, audience_id: str, open_rows: Sequence[Open]) -> dict[str, Outcome]:
        work: Callable[[Open], Outcome] = lambda row: self._settling.settle(audience_id, *row)  # noqa: E731
        settled = self._client.in_order(work, open_rows)
        return {outcome.change_id: outcome for outcome in settled}


def _read_batch_answer(rows: Sequence[Change], answer: Answer, open_rows: list[Open]) -> dict[str, Outcome]:
    """Outcomes of a batch answer; what it leaves open goes to `open_rows`."""
    body = document(answer)
    members = [*(body.get("new_members") or ()), *(body.get("updated_members") or ())]
    kept = {same(str(item["email_address"])): item for item in members}
    errors = {same(str(entry.get("email_address") or "")): entry for entry in body.get("errors") or ()}
    outcomes = {}
    for change in rows:
        address = same(change.email)
        if address in errors:
            reason = of_row(errors[address])
            # After a repeated call "exists" may speak of the member that the first one made.
            if reason.code == "unknown" or (reason.code == "already_there" and answer.attempts > 1):
                open_rows.append((change, reason))
            else:
                outcomes[change.change_id] = refused(change, reason)
        elif address in kept:
            outcomes[change.change_id] = applied(change, kept[address])
        else:
            open_rows.append((change, None))
    return outcomes


def _present_email(change: Change) -> str:
    return str((change.before or {}).get("email") or change.email)
