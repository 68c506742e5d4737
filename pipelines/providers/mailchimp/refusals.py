"""What Mailchimp says when it does not want a row, as a code that stays the same.

Belongs here: codes, remedies, recognising. Does not: calls.

Titles and messages come in the language of the account, and `type` is missing in common errors. So the order is: status
and error_code, title, the structure of errors[], and only then known words of the detail. A refusal that none of them
recognises is `unknown`; writing.py then asks for the member's status, which speaks no language.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.providers.base import Change, Outcome, Refusal

REFUSALS: Mapping[str, Refusal] = {
    "compliance_state": Refusal(
        "The person unsubscribed, complained or bounced, and only they can come back: let them use a Mailchimp sign-up "
        "form, or have the sync add them as pending so that they are asked."
    ),
    "forgotten": Refusal(
        "This address was permanently deleted from the audience: only a sign-up by the person brings it back."
    ),
    "fake_address": Refusal("Mailchimp takes this address for a typing error or a throw-away: correct it in the CRM."),
    "invalid_address": Refusal("This is not an address that mail can be sent to: correct it in the CRM."),
    "too_many_signups": Refusal("The address was added to many lists lately: it is tried again later.", can_retry=True),
    "merge_field_invalid": Refusal(
        "A field does not fit its type in Mailchimp, or a required one is empty: correct the record in the CRM or the "
        "field in Mailchimp."
    ),
    "already_there": Refusal(
        "Somebody added this address in the meantime: the next plan treats it as a member.", can_retry=True
    ),
    "rename_taken": Refusal(
        "The new address is already in the audience: the fields move to that member and the old one leaves."
    ),
    "rename_not_subscribed": Refusal("Mailchimp changes the address of subscribed members only."),
    "cleaned": Refusal("The address bounced and Mailchimp keeps it so: ask the person for another address."),
    "not_removable": Refusal("Mailchimp does not archive members who bounced or have not confirmed yet."),
    "not_found": Refusal("The member is gone from the audience: the next plan sees it as it is.", can_retry=True),
    "unknown_group": Refusal(
        "The group does not exist in the audience: create it in Mailchimp, or set `to.create_fields: true`.",
        can_retry=True,
    ),
    "no_answer": Refusal("Mailchimp did not say what became of this row: the next run looks.", can_retry=True),
    "unknown": Refusal("Read Mailchimp's own words beside it; the row waits until its data changes."),
}

_TITLES = {
    "Member Exists": "already_there",
    "Member In Compliance State": "compliance_state",
    "Forgotten Email Not Subscribed": "forgotten",
}
# Compliance before "already a list member": POST says both in one sentence.
_WORDS = (
    (re.compile("compliance state", re.I), "compliance_state"),
    (re.compile("permanently deleted|previously removed from this audience", re.I), "forgotten"),
    (re.compile("looks fake or invalid", re.I), "fake_address"),
    (re.compile("signed up to a lot of lists|too many recent signup", re.I), "too_many_signups"),
    (re.compile("provide a valid email address", re.I), "invalid_address"),
    (re.compile("merge fields were invalid", re.I), "merge_field_invalid"),
    (re.compile("already a list member", re.I), "already_there"),
)
_MERGE_TAG = re.compile(r"(merge_fields\..+|[A-Z0-9_]{1,10})")
_ADDRESS_FIELD = re.compile(r"email[ _]address", re.I)
_QUOTE = re.compile('["„“”«»]')
_ADDRESS = re.compile(r"[^\s\"'„“”«»<>,;]+@[^\s\"'„“”«»<>,;]+")


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of `REFUSALS` and Mailchimp's own words, addresses masked."""

    code: str
    detail: str | None


def of_answer(status: int, body: Mapping[str, Any]) -> Reason:
    """Why one call for one member was refused."""
    errors = [error for error in body.get("errors") or () if isinstance(error, Mapping)]
    words = str(body.get("detail") or body.get("title") or "")
    fields = [(str(error.get("field") or ""), str(error.get("message") or "")) for error in errors]
    detail = _detail(words, fields)
    if status == 404:
        return Reason("not_found", detail)
    if status == 405:
        return Reason("not_removable", detail)
    code = _TITLES.get(str(body.get("title"))) or _by_fields(fields) or _by_words(words) or "unknown"
    return Reason(code, detail)


def of_row(entry: Mapping[str, Any]) -> Reason:
    """Why a row of a batch was refused: an entry of errors[] of an answer with status 200."""
    words = str(entry.get("error") or "")
    fields = [(str(entry.get("field") or ""), str(entry.get("field_message") or ""))]
    by_words = _by_words(words)
    exists = entry.get("error_code") == "ERROR_CONTACT_EXISTS" and by_words != "compliance_state"
    code = "already_there" if exists else _by_fields(fields) or by_words or "unknown"
    return Reason(code, _detail(words, fields))


def refused(change: Change, reason: Reason, *, provider_id: str | None = None) -> Outcome:
    """The outcome of a change that was refused for this reason."""
    meaning = REFUSALS[reason.code]
    return Outcome(
        change_id=change.change_id,
        outcome="refused",
        code=reason.code,
        detail=reason.detail,
        remedy=meaning.remedy,
        can_retry=meaning.can_retry,
        provider_id=provider_id or change.provider_id,
    )


def failed(change: Change, detail: str | None = None) -> Outcome:
    """The outcome of a change of which nobody knows whether it took effect."""
    meaning = REFUSALS["no_answer"]
    return Outcome(
        change_id=change.change_id,
        outcome="failed",
        code="no_answer",
        detail=detail,
        remedy=meaning.remedy,
        can_retry=meaning.can_retry,
        provider_id=change.provider_id,
    )


def _by_fields(fields: list[tuple[str, str]]) -> str | None:
    for name, message in fields:
        if _ADDRESS_FIELD.fullmatch(name):
            return _by_address_message(message)
        if _MERGE_TAG.fullmatch(name):
            return "merge_field_invalid"
    return None


def _by_address_message(message: str) -> str:
    # Both messages end in "with a status of", but only the one about the new address quotes an address: that is true in
    # every language.
    if _ADDRESS.search(message):
        return "rename_taken"
    return "rename_not_subscribed" if _QUOTE.search(message) else "invalid_address"


def _by_words(words: str) -> str | None:
    return next((code for pattern, code in _WORDS if pattern.search(words)), None)


def _detail(words: str, fields: list[tuple[str, str]]) -> str | None:
    parts = [words, *(f"{name}: {message}" if name else message for name, message in fields)]
    return _ADDRESS.sub("[address]", " ".join(part for part in parts if part)) or None
