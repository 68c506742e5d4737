"""Reasons, verdicts and outcomes in words that a clerk understands, and what to do about each.

Belongs here: sentences that reports share. Does not: the sentence for one address (quality/faults.py), the provider's
own words (providers/).
"""

from pipelines.sync.plans import Plan

# Why somebody is held: what it means, what to do.
HOLDS = {
    "bad_address": ("The address can't be mailed.", "Correct it in the CRM; the workbook says what is wrong."),
    "missing_address": ("The record has no address.", "Fill it in, if there is one."),
    "duplicate": (
        "Another record with the same address speaks for it.",
        "Nothing, or mend one of the two records if the address is wrong there.",
    ),
    "opted_out": (
        "The person said no.",
        "Enter it in the CRM. Only the person can come back, with a sign-up form.",
    ),
    "complained": ("The person reported a mail as spam.", "Nothing: they get no mail."),
    "bounced": ("Mail to the address comes back.", "Ask the person for another address."),
    "blocked": ("Somebody of the house blocked the address.", "enlist explain says who and why."),
    "erased": ("The person's data was erased on request.", "Delete the record in the CRM too."),
    "unknown_consent": (
        "Nobody knows whether the person agreed.",
        "Fill in the field of the CRM, or say in the sync file what a blank means.",
    ),
    "archived_elsewhere": (
        "Somebody archived the member at the provider, not Enlist.",
        "Bring the member back there, if that is right.",
    ),
    "refused_before": (
        "The provider refused exactly this before.",
        "See the sheet Refused of the workbook; it is tried again when the record changes.",
    ),
    "not_removable": (
        "The person should leave, but the provider can't take the member out.",
        "Nothing: such a member gets no campaigns.",
    ),
    "unreadable_records": (
        "Their record may be one of those that could not be read.",
        "Mend the export: the sheet Not loaded of the workbook says what is wrong.",
    ),
    "shared_address": (
        "Somebody with the same address objects in the CRM.",
        "Ask both which address is theirs, and mend the records.",
    ),
}
UNKNOWN_HOLD = ("", "See docs/safety.md, or enlist explain.")

VERDICTS = {"wrong": "wrong", "missing": "missing", "warning": "look at it"}

# What became of a hold that ended.
RELEASED = {
    "planned": "free again; this plan sends the change",
    "settled": "free again; there is nothing to send",
    "held": "held for another reason now",
    "not_wanted": "the CRM no longer asks for mail",
    "gone": "the record is no longer in the CRM",
}

PLAN_STATES = {
    "pending": "It waits to be pushed.",
    "refused": "It waits for a person to look.",
    "applying": "It is being pushed.",
    "applied": "It was pushed.",
    "partly_applied": "A part of it was pushed; the rest waits.",
    "superseded": "A newer plan took its place.",
    "expired": "It is stale and will not be pushed.",
}


def state(plan: Plan) -> str:
    """What became of a plan, as a sentence."""
    return PLAN_STATES[plan.status] if plan.size else "There was nothing to send."


def hold(reason: str) -> tuple[str, str]:
    """What a hold's reason means and what to do; of a reason that is new here, where to look."""
    return HOLDS.get(reason, UNKNOWN_HOLD)


def spoken(code: str | None) -> str:
    """A code as words: two_at_signs is two at signs."""
    return (code or "").replace("_", " ")
