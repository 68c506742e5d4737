"""Why MailUp did not take a row, as a code that stays the same.

Belongs here: codes, remedies, outcomes of refusals. Does not: finding out (settling.py, singles.py).

An import answers with counts only, so most of these codes are not MailUp's words but what reading back showed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.http.client import RefusedError
from pipelines.providers.base import Change, Outcome, Refusal, Status
from pipelines.providers.mailup.client import words_of
from pipelines.providers.mailup.values import BY_THE_HOUSE, Cause

REFUSALS: Mapping[str, Refusal] = {
    "opted_out": Refusal(
        "The address is unsubscribed in the list, and no import brings it back: only the person can, with a sign-up "
        "form or by confirming a mail that asks them."
    ),
    "out_by_us": Refusal(
        "Enlist unsubscribed the address itself, and MailUp has no way back that is sure to spare a no of the person's "
        "own: subscribe them by hand in MailUp's console, or set `consent.double_opt_in: true`, which sends everybody "
        "who is added a mail that asks them to confirm."
    ),
    "opted_out_elsewhere": Refusal(
        "The person unsubscribed from another list of the account, and MailUp's consent is one for each address: ask "
        "them, or set `other_lists: ignore` on the connection where lists are consents of their own."
    ),
    "bounced": Refusal("Mail to this address bounced and MailUp blocked it: ask the person for another address."),
    "unconfirmed": Refusal("The person was asked to confirm and has not yet: nothing but their answer changes that."),
    "already_there": Refusal(
        "Somebody added this address in the meantime: the next plan treats it as a member.", can_retry=True
    ),
    "not_kept": Refusal(
        "MailUp took the import and did not keep the row, and never says why: look for a wrong address or value."
    ),
    "not_found": Refusal("The person is not in the list any more: the next plan sees it as it is.", can_retry=True),
    "unknown_group": Refusal(
        "The group does not exist in the list: create it in MailUp, or set `to.create_fields: true`.", can_retry=True
    ),
    "not_possible": Refusal(
        "MailUp has no such thing: a person keeps the address, has no tags and is not archived. What a plan does "
        "instead is an add and a leave."
    ),
    "not_erased": Refusal(
        "Enlist never deletes a person from a MailUp account, for that loses the record of the opt-out: erase them in "
        "MailUp's console."
    ),
    "invalid_row": Refusal("MailUp takes the row for malformed: read its own words beside it."),
    "no_answer": Refusal("MailUp did not say what became of this row: the next run looks.", can_retry=True),
}
IN_THE_WAY: Mapping[Status, str] = {"unsubscribed": "opted_out", "bounced": "bounced", "pending": "unconfirmed"}


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of `REFUSALS` and what is known beside it, without addresses."""

    code: str
    detail: str | None = None


def refused(change: Change, reason: Reason, provider_id: str | None = None) -> Outcome:
    """The outcome of a change that was refused for this reason."""
    return _outcome(change, "refused", reason, provider_id)


def failed(change: Change, detail: str | None = None) -> Outcome:
    """The outcome of a change of which nobody knows whether it took effect."""
    return _outcome(change, "failed", Reason("no_answer", detail), None)


def applied(change: Change, provider_id: str | None = None) -> Outcome:
    """The outcome of a change that MailUp said yes to."""
    return Outcome(change.change_id, "applied", provider_id=provider_id or change.provider_id)


def seen(change: Change, provider_id: str | None = None, kept: Mapping[str, str] | None = None) -> Outcome:
    """The outcome of a change that was read back; `kept` are the fields that MailUp holds now."""
    found = {"fields": dict(kept)} if kept else None
    return replace(applied(change, provider_id), kept=found, is_seen=True)


def worst(changes: Sequence[Change], parts: Sequence[Mapping[str, Outcome]]) -> dict[str, Outcome]:
    """One outcome for each change: of several groups the one that went wrong, else the one that nobody has seen yet."""
    outcomes = {}
    for change in changes:
        found = [part[change.change_id] for part in parts if change.change_id in part]
        whole = min(found, key=lambda one: one.is_seen, default=applied(change))
        outcomes[change.change_id] = next((one for one in found if one.outcome != "applied"), whole)
    return outcomes


def of_answer(error: RefusedError) -> Reason:
    """Why a call for one person was refused."""
    return Reason("not_found" if error.status == 404 else "invalid_row", words_of(error) or None)


def of_status(change: Change, status: Status, cause: Cause | None) -> Reason:
    """Why somebody in this status can't be added."""
    detail = f"MailUp has the address as {status}" + (f" ({cause.reason})" if cause else "")
    code = "out_by_us" if is_out_by_us(change, status, cause) else IN_THE_WAY.get(status, "already_there")
    return Reason(code, detail)


def is_out_by_us(change: Change, status: Status, cause: Cause | None) -> bool:
    """Whether Enlist unsubscribed somebody whom a change adds: the plan says so, and MailUp says nothing else."""
    return (change.before or {}).get("status") == status == "unsubscribed" and cause in BY_THE_HOUSE


def _outcome(change: Change, outcome: str, reason: Reason, provider_id: str | None) -> Outcome:
    meaning = REFUSALS[reason.code]
    return Outcome(
        change_id=change.change_id,
        outcome="refused" if outcome == "refused" else "failed",
        code=reason.code,
        detail=reason.detail,
        remedy=meaning.remedy,
        can_retry=meaning.can_retry,
        provider_id=provider_id or change.provider_id,
    )
