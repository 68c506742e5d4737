"""The calls for one person, by their id: none of them can subscribe anybody to a list.

Belongs here: those calls and their outcomes. Does not: imports, which changes go singly (batching.py).

Repeating any of these calls is safe: each names the state that it wants.
"""

from collections.abc import Mapping, Sequence

from pipelines.errors import ProviderError
from pipelines.http.client import RefusedError
from pipelines.providers.base import Change, Outcome
from pipelines.providers.mailup.batching import groups_of
from pipelines.providers.mailup.client import CONSOLE, Client, as_object
from pipelines.providers.mailup.fields import Fields
from pipelines.providers.mailup.reading import Reading
from pipelines.providers.mailup.refusals import Reason, applied, failed, of_answer, refused, seen
from pipelines.providers.mailup.roster import Consent, list_path
from pipelines.providers.rows import raise_if_nothing_answered, side_by_side

ROW_STATUSES = frozenset({400, 404, 409})  # other refusals are of the call, whoever it is about


class Singles:
    """Changes of one person each, side by side."""

    def __init__(self, client: Client, reading: Reading, fields: Fields) -> None:
        self._client = client
        self._reading = reading
        self._fields = fields

    def send(self, audience_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Outcomes by change_id; raises where not even one call was answered."""
        results = side_by_side(self._client, lambda change: self._send_one(audience_id, change), changes)
        raise_if_nothing_answered(results)
        return {
            change.change_id: failed(change, result.what) if isinstance(result, ProviderError) else result
            for change, result in zip(changes, results, strict=True)
        }

    def join(self, change: Change, one: Consent, group_id: str) -> Outcome:
        """Put one person into one group; their subscription stays as it is."""
        path = f"{CONSOLE}/Group/{int(group_id)}/Subscribe/{int(one.provider_id)}"
        # Without the query MailUp would subscribe them to the list, whatever they said.
        return self._call(change, one, "POST", path, {"confirmSubscription": "false"})

    def leave(self, change: Change, one: Consent, group_id: str) -> Outcome:
        """Take one person out of one group; their subscription stays as it is."""
        return self._call(change, one, "DELETE", f"{CONSOLE}/Group/{int(group_id)}/Unsubscribe/{int(one.provider_id)}")

    def update(self, change: Change, one: Consent, values: Mapping[str, str]) -> Outcome:
        """Write fields of one person, empty ones too; MailUp answers with all that it holds."""
        body = {
            "idRecipient": int(one.provider_id),
            "Email": one.email,
            **self._fields.body(values, with_empty=True),
        }
        try:
            answer = as_object(self._client.call("PUT", f"{CONSOLE}/Recipient/Detail", json=body))
        except RefusedError as error:
            return _refused(change, error, one)
        return seen(change, one.provider_id, self._fields.values(answer, tuple(change.after["fields"])))

    def _send_one(self, audience_id: str, change: Change) -> Outcome:
        one = self._reading.rosters.of(audience_id).find(change.provider_id, change.email)
        if one is None:
            return refused(change, Reason("not_found"))
        if change.op == "update":
            return self.update(change, one, change.after["fields"])
        if change.op == "unsubscribe":
            return self._unsubscribe(audience_id, change, one)
        ids = self._reading.group_ids(audience_id)
        send = self.join if change.op == "join" else self.leave
        outcomes = [send(change, one, ids[key]) for key in groups_of(change)]
        return next((outcome for outcome in outcomes if outcome.outcome != "applied"), applied(change, one.provider_id))

    def _unsubscribe(self, audience_id: str, change: Change, one: Consent) -> Outcome:
        outcome = self._call(change, one, "DELETE", f"{list_path(audience_id)}/Unsubscribe/{int(one.provider_id)}")
        if outcome.outcome == "refused":
            member = self._reading.person(audience_id, one.provider_id, ())
            if member and member.status in ("unsubscribed", "bounced"):
                return applied(change, one.provider_id)
        return outcome

    def _call(
        self, change: Change, one: Consent, method: str, path: str, query: Mapping[str, str] | None = None
    ) -> Outcome:
        try:
            self._client.call(method, path, query=query, empty=True)
        except RefusedError as error:
            return _refused(change, error, one)
        return applied(change, one.provider_id)


def _refused(change: Change, error: RefusedError, one: Consent) -> Outcome:
    if error.status not in ROW_STATUSES:
        raise error
    return refused(change, of_answer(error), one.provider_id)
