"""The watch over updates that name no status: if Mailchimp moves one all the same, it is put back and the push stops.

Belongs here: statuses before and after a batch. Does not: sending the batch.

Mailchimp documents the batch call with `update_existing` as one that changes the subscription status. That it leaves
the status alone when none is sent is how it works, not what is promised. Nobody who said no may be subscribed by a
field.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.errors import PermanentError, ProviderError
from pipelines.http.client import RefusedError
from pipelines.providers.base import Change, Status
from pipelines.providers.mailchimp.client import Client
from pipelines.providers.mailchimp.reading import Reading, member_path
from pipelines.providers.mailchimp.values import WORDS, member_ids, same, status

Known = Mapping[str, Status | None]  # address to status, None for somebody who is not there


class StatusGuard:
    """Knows each audience in which updates were seen to leave statuses alone."""

    def __init__(self, client: Client, reading: Reading) -> None:
        self._client = client
        self._reading = reading
        self._proven: set[str] = set()

    def before(self, audience_id: str, changes: Sequence[Change]) -> Known:
        """Statuses from the plan; where it has none they are read, until one batch proved that they stay."""
        known: dict[str, Status | None] = {}
        unknown = []
        for change in changes:
            if "status" in (change.before or {}):
                known[same(change.email)] = (change.before or {})["status"]
            elif audience_id not in self._proven:
                unknown.append(change)
        statuses = self._client.in_order(lambda change: self._status(audience_id, change), unknown)
        known.update(zip((same(change.email) for change in unknown), statuses, strict=True))
        return known

    def check(self, audience_id: str, known: Known, answer: Mapping[str, Any]) -> None:
        """Raise `PermanentError`, and put back what can be, if the answer shows a status that the update moved."""
        moved: dict[str, Status | None] = {}
        for item in answer.get("updated_members") or ():
            was = known.get(same(str(item["email_address"])), "subscribed")
            if was not in ("subscribed", now := status(str(item["status"]))) and (
                now == "subscribed" or was in ("bounced", "archived", None)
            ):
                moved[str(item["id"])] = was
        moved.update((str(item["id"]), None) for item in answer.get("new_members") or ())
        if moved:
            raise self._stopped(audience_id, moved)
        self._proven.add(audience_id)

    def _status(self, audience_id: str, change: Change) -> Status | None:
        try:
            return self._reading.member(audience_id, member_ids(change.provider_id, change.email), ()).status
        except RefusedError as error:
            if error.status != 404:
                raise
            return None

    def _stopped(self, audience_id: str, moved: Mapping[str, Status | None]) -> PermanentError:
        restored = sum(self._restore(audience_id, provider_id, was) for provider_id, was in moved.items())
        left = len(moved) - restored
        rest = f" {left} could not be put back: look at them in Mailchimp." if left else ""
        return PermanentError(
            f"An update without a status changed that of {len(moved)} members; {restored} were put back.{rest}",
            where=f"Mailchimp audience {audience_id}",
            do="Set `update_without_status: single` on the connection, then plan and push again.",
        )

    def _restore(self, audience_id: str, provider_id: str, was: Status | None) -> bool:
        path = member_path(audience_id, provider_id)
        try:
            if was is None or was == "archived":
                self._client.call("DELETE", path)
            elif was in ("unsubscribed", "bounced"):
                query = {"skip_merge_validation": "true"}
                self._client.call("PATCH", path, query=query, json={"status": WORDS[was]})
            else:  # pending would send another confirmation mail, transactional can't be set on a member
                return False
        except ProviderError:
            return False
        return True
