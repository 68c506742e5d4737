"""Mailchimp's refusals, worded as contracts/mailchimp.md section 5 has them, become codes that stay the same."""

from typing import Any

import pytest

from pipelines.providers.base import Change
from pipelines.providers.mailchimp.refusals import REFUSALS, of_answer, of_row, refused

WHO = "ann@people.example"
INVALID = {"title": "Invalid Resource", "status": 400, "instance": ""}
COULD_NOT = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."

ANSWERS: list[tuple[str, int, dict[str, Any]]] = [
    ("compliance_state", 400, {
        "title": "Member In Compliance State",
        "detail": f"{WHO} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be "
        "subscribed.",
    }),
    ("compliance_state", 400, {
        **INVALID,
        "detail": f"{WHO} is already a list member in compliance state due to unsubscribe, bounce, or compliance "
        "review and cannot be subscribed.",
    }),
    ("forgotten", 400, {
        "title": "Forgotten Email Not Subscribed",
        "detail": f"{WHO} was permanently deleted and cannot be re-imported. The contact must re-subscribe.",
    }),
    ("forgotten", 400, {
        "title": "Vergessen", "detail": f"{WHO} was previously removed from this audience. To rejoin, sign up.",
    }),
    ("fake_address", 400, {
        **INVALID, "detail": f"{WHO} looks fake or invalid, please enter a real email address.",
    }),
    ("invalid_address", 400, {**INVALID, "detail": "Please provide a valid email address."}),
    ("too_many_signups", 400, {
        **INVALID,
        "detail": f"{WHO} has signed up to a lot of lists very recently; we're not allowing more signups for now",
    }),
    ("too_many_signups", 400, {"title": "x", "detail": f'Recipient "{WHO}" has too many recent signup requests'}),
    ("merge_field_invalid", 400, {
        **INVALID,
        "detail": "Your merge fields were invalid.",
        "errors": [{"field": "FNAME", "message": "Bitte gib einen Wert ein."}],
    }),
    ("merge_field_invalid", 400, {
        "title": "Ungültige Ressource",
        "detail": "Deine Felder sind ungültig.",
        "errors": [{"field": "FNAME", "message": "Bitte gib einen Wert ein."}],
    }),
    ("merge_field_invalid", 400, {
        **INVALID,
        "detail": COULD_NOT,
        "errors": [{"field": "merge_fields.PRO", "message": "Data did not match any of the schemas in anyOf."}],
    }),
    ("already_there", 400, {
        "title": "Member Exists",
        "detail": f"{WHO} is already a list member. Use PUT to insert or update list members.",
    }),
    ("rename_taken", 400, {
        **INVALID,
        "detail": COULD_NOT,
        "errors": [{"field": "email address",
                    "message": f'"{WHO}" is already in this list with a status of "Subscribed".'}],
    }),
    ("rename_taken", 400, {
        **INVALID,
        "detail": "Nicht gültig.",
        "errors": [{"field": "email address", "message": f'"{WHO}" ist schon in der Liste mit Status "Abgemeldet".'}],
    }),
    ("rename_not_subscribed", 400, {
        **INVALID,
        "detail": COULD_NOT,
        "errors": [{"field": "email address",
                    "message": 'This member\'s status is "unsubscribed." You can only update email addresses for '
                    'members with a status of "subscribed."'}],
    }),
    ("not_removable", 405, {
        "title": "Method Not Allowed",
        "detail": "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived",
    }),
    ("not_found", 404, {"title": "Resource Not Found", "detail": "The requested resource could not be found."}),
    ("unknown", 400, {
        **INVALID, "detail": COULD_NOT, "errors": [{"field": "", "message": "Schema describes object, NULL found"}],
    }),
    ("unknown", 400, {}),
]  # fmt: skip

ROWS: list[tuple[str, dict[str, Any]]] = [
    ("already_there", {
        "error_code": "ERROR_CONTACT_EXISTS",
        "error": f"{WHO} is already a list member, do you want to update? please provide update_existing:true in the "
        "request body",
    }),
    ("already_there", {"error_code": "ERROR_CONTACT_EXISTS", "error": f"{WHO} ist schon Mitglied"}),
    ("compliance_state", {
        "error_code": "ERROR_GENERIC",
        "error": f"{WHO} is already a list member in compliance state due to unsubscribe, bounce, or compliance review "
        "and cannot be subscribed.",
    }),
    ("compliance_state", {"error_code": "ERROR_CONTACT_EXISTS", "error": f"{WHO} is in a compliance state due to ..."}),
    ("fake_address", {"error_code": "ERROR_GENERIC", "error": f"{WHO} looks fake or invalid, please mend it."}),
    ("too_many_signups", {
        "error_code": "ERROR_GENERIC", "error": f"{WHO} has signed up to a lot of lists very recently; not now",
    }),
    ("merge_field_invalid", {
        "error_code": "ERROR_GENERIC",
        "error": "Ungültig",
        "field": "FNAME",
        "field_message": "Bitte gib einen Wert ein.",
    }),
    ("unknown", {"error_code": "ERROR_GENERIC", "error": "Nein."}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status", "body"), ANSWERS)
def test_an_answer_is_recognised_without_its_type_and_where_possible_in_any_language(
    code: str, status: int, body: dict[str, object]
) -> None:
    assert of_answer(status, body).code == code


@pytest.mark.parametrize(("code", "entry"), ROWS)
def test_a_row_of_a_batch_is_recognised_in_the_200_that_hides_it(code: str, entry: dict[str, object]) -> None:
    assert of_row({"email_address": WHO, **entry}).code == code


def test_the_words_of_mailchimp_are_kept_and_the_address_is_not() -> None:
    reason = of_answer(400, ANSWERS[8][2])
    assert reason.detail == "Your merge fields were invalid. FNAME: Bitte gib einen Wert ein."
    for _, status, body in ANSWERS:
        assert WHO not in (of_answer(status, body).detail or "")
    assert of_row(ROWS[4][1]).detail == "[address] looks fake or invalid, please mend it."


def test_every_code_has_a_remedy_and_only_what_may_pass_is_tried_again() -> None:
    assert all(refusal.remedy for refusal in REFUSALS.values())
    again = {code for code, refusal in REFUSALS.items() if refusal.can_retry}
    assert again == {"too_many_signups", "already_there", "not_found", "unknown_group", "no_answer"}


def test_an_outcome_carries_code_words_remedy_and_the_id() -> None:
    change = Change("c1", "add", WHO, WHO, "0" * 32, None, {"status": "subscribed", "fields": {}})
    outcome = refused(change, of_answer(404, {"detail": "Gone."}))
    assert (outcome.change_id, outcome.outcome, outcome.code) == ("c1", "refused", "not_found")
    assert (outcome.detail, outcome.can_retry, outcome.provider_id) == ("Gone.", True, "0" * 32)
    assert outcome.remedy == REFUSALS["not_found"].remedy
