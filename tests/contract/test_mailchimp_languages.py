"""Every refusal gets its code whatever the language of the Mailchimp account is (contract, section 5).

Belongs here: refusals met for real, by one call and by 500 a call. Does not: the words themselves (unit).
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from pipelines.config.connections import MailchimpConnection
from pipelines.http.client import Patience
from pipelines.providers.base import Change, Op, Outcome
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.providers.mailchimp.values import member_id
from pipelines.sandbox.mailchimp.simulator import Mailchimp

HERE, AWAY, REFUSER, BOUNCED = (f"{name}@people.example" for name in ("here", "away", "refuser", "bounced"))
FORGOTTEN, THROTTLED, NOBODY = (f"{name}@people.example" for name in ("forgotten", "throttled", "nobody"))
SUBSCRIBED: Mapping[str, Any] = {"status": "subscribed", "fields": {"FNAME": "Ann"}}


def change(op: Op, email: str, before: Mapping[str, Any] | None, after: Mapping[str, Any], at: str = "") -> Change:
    known = None if before is None else member_id(at or email)
    return Change(f"{op} {email}", op, email, email, known, before, after)


def add(email: str, **fields: str) -> Change:
    return change("add", email, None, {"status": "subscribed", "fields": {"FNAME": "Ann", **fields}})


def rename(old: str, new: str) -> Change:
    return change("rename", new, {"email": old}, {"email": new, "fields": {"FNAME": "Ann"}}, at=old)


def update(email: str, **fields: str) -> Change:
    return change("update", email, {"status": "subscribed", "fields": {}}, {"fields": fields})


# What is refused, and its code. The second one is for those whom only the sentence tells, where that is German too.
CASES: tuple[tuple[Change, str, str], ...] = (
    (add(REFUSER), "already_there", "already_there"),
    (change("add", REFUSER, {"status": "unsubscribed"}, SUBSCRIBED), "compliance_state", "compliance_state"),
    (change("add", AWAY, {"status": "archived"}, {**SUBSCRIBED, "fields": {"AGE": "old"}}),
     "merge_field_invalid", "merge_field_invalid"),
    (add(FORGOTTEN), "forgotten", "unknown"),
    (add(THROTTLED), "too_many_signups", "unknown"),
    (add("somebody@example.com"), "fake_address", "unknown"),
    (add("no address"), "invalid_address", "unknown"),
    (add(HERE), "already_there", "already_there"),
    (add(NOBODY, AGE="old"), "merge_field_invalid", "merge_field_invalid"),
    (update(HERE, AGE="old"), "merge_field_invalid", "merge_field_invalid"),
    (rename(HERE, REFUSER), "rename_taken", "rename_taken"),
    (rename(REFUSER, NOBODY), "rename_not_subscribed", "rename_not_subscribed"),
    (change("archive", BOUNCED, {"status": "bounced"}, {"status": "archived"}), "not_removable", "not_removable"),
    (change("unsubscribe", BOUNCED, {"status": "bounced"}, {"status": "unsubscribed"}), "cleaned", "cleaned"),
)  # fmt: skip


@pytest.fixture(params=["batch", "single"])
def provider(
    request: pytest.FixtureRequest, mailchimp_simulator: Mailchimp, tmp_path: Path
) -> Iterator[MailchimpProvider]:
    mailchimp, audience = mailchimp_simulator, mailchimp_simulator.list_id
    url = f"{mailchimp.url}/3.0/lists/{audience}/merge-fields"
    body = {"tag": "AGE", "name": "Age", "type": "number"}
    requests.post(url, json=body, auth=("test", mailchimp.api_key), timeout=5).raise_for_status()
    for email in (HERE, AWAY, REFUSER, BOUNCED, FORGOTTEN):
        mailchimp.act(audience, email, "add_by_hand")
    mailchimp.act(audience, AWAY, "archive_by_hand")
    mailchimp.act(audience, REFUSER, "opt_out")
    mailchimp.act(audience, BOUNCED, "hard_bounce")
    mailchimp.act(audience, FORGOTTEN, "delete_by_hand")
    mailchimp.act(audience, THROTTLED, "too_many_signups")
    connection = MailchimpConnection(
        kind="mailchimp", api_key=mailchimp.api_key, url=mailchimp.url, update_without_status=request.param
    )
    with closing(MailchimpProvider("test", connection, tmp_path, patience=Patience(max_attempts=1))) as opened:
        yield opened


def outcome_of(provider: MailchimpProvider, audience_id: str, row: Change) -> Outcome:
    (batch,) = provider.batches(audience_id, [row])
    (outcome,) = provider.send(audience_id, batch)
    return outcome


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_refusal_has_its_code_in_every_language(
    provider: MailchimpProvider, mailchimp_simulator: Mailchimp, language: str
) -> None:
    mailchimp_simulator.turn(language=language)
    found = [(row.change_id, outcome_of(provider, mailchimp_simulator.list_id, row)) for row, _, _ in CASES]
    assert [(row, outcome.outcome, outcome.code) for row, outcome in found] == [
        (row.change_id, "refused", code) for row, code, _ in CASES
    ]
    assert all(outcome.remedy for _, outcome in found)
    assert all("@" not in (outcome.detail or "") for _, outcome in found)


def test_refusals_that_are_german_throughout_are_told_by_what_they_hold_and_never_taken_for_others(
    provider: MailchimpProvider, mailchimp_simulator: Mailchimp
) -> None:
    mailchimp_simulator.turn(language="de", language_in_details=True)
    found = [(row.change_id, outcome_of(provider, mailchimp_simulator.list_id, row)) for row, _, _ in CASES]
    assert [(row, outcome.code) for row, outcome in found] == [(row.change_id, code) for row, _, code in CASES]
    unknown = [outcome.detail or "" for _, outcome in found if outcome.code == "unknown"]
    assert any("endgültig gelöscht" in detail for detail in unknown), "Mailchimp's own words stay"


def test_a_german_account_answers_in_german(mailchimp_simulator: Mailchimp) -> None:
    """Only titles and the messages of merge fields, unless details are switched as well."""
    mailchimp_simulator.turn(language="de")
    url = f"{mailchimp_simulator.url}/3.0/lists/{mailchimp_simulator.list_id}/members"
    auth = ("test", mailchimp_simulator.api_key)
    body = {"email_address": "x@people.example", "status": "subscribed", "merge_fields": {"BIRTHDAY": "x"}}
    answer = requests.post(url, json=body, auth=auth, timeout=5).json()
    assert (answer["status"], answer["title"]) == (400, "Ungültige Ressource")
    assert answer["detail"] == "Your merge fields were invalid."
    assert answer["errors"] == [{"field": "BIRTHDAY", "message": "Bitte gib Monat und Tag ein."}]
    gone = requests.get(f"{url}/nobody@people.example", auth=auth, timeout=5).json()
    assert gone["title"] == "Ressource nicht gefunden"
