"""What became of one change: from the document in the answer, or by reading the member where the answer left it open.

Belongs here: comparing what a change wanted with what is. Does not: calls that change something.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.errors import ProviderError
from pipelines.http.client import RefusedError
from pipelines.providers.base import Change, Member, Outcome, Status
from pipelines.providers.mailchimp.batching import tag_difference
from pipelines.providers.mailchimp.reading import Reading
from pipelines.providers.mailchimp.refusals import Reason, failed, of_answer, refused
from pipelines.providers.mailchimp.values import member_ids, same, to_text

# What stands in the way of an add, told by the member's status where Mailchimp's words say nothing to us.
_IN_THE_WAY: Mapping[Status, str] = {"unsubscribed": "compliance_state", "bounced": "cleaned"}


def names(change: Change) -> tuple[str, ...]:
    """The merge fields that a change names."""
    return tuple(change.after.get("fields") or ())


def applied(change: Change, document: Mapping[str, Any] | None = None) -> Outcome:
    """The outcome of a change that Mailchimp made, with what its answer says it kept."""
    if document is None:
        return Outcome(change.change_id, "applied", provider_id=change.provider_id)
    values = document.get("merge_fields") or {}
    kept = {"fields": {name: to_text(values.get(name)) for name in names(change)}} if names(change) else None
    return Outcome(change.change_id, "applied", provider_id=str(document["id"]), kept=kept)


class Settling:
    """Reads members whose changes were left open."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def settle(self, audience_id: str, change: Change, reason: Reason | None = None) -> Outcome:
        """Applied if what the change wanted is so; else refused for the reason, failed where there is none."""
        try:
            member = self._reading.member(audience_id, _ids(change), names(change))
        except RefusedError as error:
            return self._absent(change, reason, error)
        except ProviderError as error:
            return failed(change, error.what)
        if holds(change, member):
            kept = {"fields": dict(member.fields)} if member.fields else None
            return Outcome(change.change_id, "applied", provider_id=member.provider_id, kept=kept)
        if reason is None:
            return failed(change)
        if reason.code == "unknown" and change.op == "add":
            reason = Reason(_IN_THE_WAY.get(member.status, "already_there"), reason.detail)
        return refused(change, reason, provider_id=member.provider_id)

    def _absent(self, change: Change, reason: Reason | None, error: RefusedError) -> Outcome:
        if error.status != 404:
            return failed(change, error.what)
        if reason is None:
            return failed(change) if change.op == "add" else refused(change, of_answer(404, error.body))
        return refused(change, reason)


def holds(change: Change, member: Member) -> bool:
    """Whether the member is as the change wanted it."""
    if change.op in ("tag", "untag"):
        present = {tag.lower() for tag in member.tags}
        return all((tag.lower() in present) is (change.op == "tag") for tag in tag_difference(change))
    if change.op in ("join", "leave"):
        wanted, gone = group_difference(change)
        return set(wanted) <= set(member.groups) and not set(gone) & set(member.groups)
    if change.op == "rename":
        return same(member.email) == same(change.email)
    fields_hold = all(member.fields.get(name) == text for name, text in (change.after.get("fields") or {}).items())
    return fields_hold and member.status == change.after.get("status", member.status)


def group_difference(change: Change) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The groups that a change enters, and those that it leaves."""
    before = set((change.before or {}).get("groups") or ())
    after = set(change.after.get("groups") or ())
    return tuple(sorted(after - before)), tuple(sorted(before - after))


def _ids(change: Change) -> tuple[str, ...]:
    # A rename moves the member to the id of the new address; under the old one there is nobody, or somebody else.
    return member_ids(None if change.op == "rename" else change.provider_id, change.email)
