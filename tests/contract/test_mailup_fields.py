"""Dynamic fields of MailUp: which one is meant, what it keeps, and what an import does not touch.

Belongs here: the provider alone. Does not: names from the ledger on (test_mailup_naming.py).
"""

import pytest
from mailup_world import FIELD, MailupWorld, add, people, told, update

from pipelines.errors import ConfigError


def test_an_update_of_many_keeps_what_it_does_not_name_and_empties_what_it_must(mailup: MailupWorld) -> None:
    mailup.put(people(70), f1="Old", f2="Cognome")
    members = mailup.read(FIELD, "cognome")
    rows = [update(members[email], nome="" if number < 5 else "New") for number, email in enumerate(people(70))]
    assert told(mailup.push(rows)) == {"applied": 70}
    after = mailup.read(FIELD, "cognome")
    for number, email in enumerate(people(70)):
        assert after[email].fields == {FIELD: "" if number < 5 else "New", "cognome": "Cognome"}


def test_all_39_fields_and_the_name_go_in_one_import_and_in_one_call(mailup: MailupWorld) -> None:
    """D16: as many as MailUp has."""
    for number in range(1, 40):
        mailup.simulator.name_field(number, f"campo {number}")
    names = [f"#{number}" for number in range(1, 40)] + ["Name"]
    mailup.provider.name_fields(mailup.audience_id, dict.fromkeys(names, ""))
    values = {email: {name: f"{name} of {at}" for name in names} for at, email in enumerate(people(60))}
    assert told(mailup.push([add(email, **values[email]) for email in values])) == {"applied": 60}
    members = mailup.read(*names)
    assert {email: members[email].fields for email in values} == values
    (email, *_) = values
    others = {name: f"other {name}" for name in names}
    assert told(mailup.push([update(members[email], **others)])) == {"applied": 1}
    assert mailup.read(*names)[email].fields == others


def test_somebody_known_from_another_list_comes_without_the_values_of_there(mailup: MailupWorld) -> None:
    other = mailup.simulator.add_list("Altra")
    (email,) = people(1)
    mailup.put([email], other, f1="Old", f2="Cognome")
    outcome = mailup.push([add(email, nome="", cognome="New")])[email]
    assert outcome.kept == {"fields": {FIELD: "", "cognome": "New"}}
    assert mailup.read(FIELD, "cognome")[email].fields == outcome.kept["fields"]


def test_a_value_is_cut_to_200_units_and_the_cut_one_is_told(mailup: MailupWorld) -> None:
    (email,) = people(1)
    outcome = mailup.push([add(email, nome="é" * 250)])[email]
    assert outcome.kept == {"fields": {FIELD: "é" * 200}}


def test_fields_go_by_label_number_or_name_and_stay_the_same_when_relabelled(mailup: MailupWorld) -> None:
    """D13: a label that anybody may change never moves values into another field."""
    (email,) = people(1)
    names = {"Nome": "Anna", "#2": "Bianchi", "Name": "Anna B."}
    mailup.provider.name_fields(mailup.audience_id, dict.fromkeys(names, ""))
    known = {field.name: field for field in mailup.provider.merge_fields(mailup.audience_id)}
    assert {name: known[name].field_id for name in names} == {"Nome": "1", "#2": "2", "Name": "Name"}
    assert told(mailup.push([add(email, **names)])) == {"applied": 1}
    assert mailup.read(*names)[email].fields == names
    mailup.simulator.name_field(1, "Indirizzo")
    mailup.simulator.name_field(5, "Nome")
    later = mailup.open()
    later.name_fields(mailup.audience_id, {"Nome": "1", "#2": "2", "Name": "Name"})
    field = next(field for field in later.merge_fields(mailup.audience_id) if field.name == "Nome")
    assert (field.field_id, field.label.lower()) == ("1", "indirizzo"), "seen as drift, still the field that was meant"
    member = mailup.read(*names, provider=later)[email]
    assert member.fields == names
    assert told(mailup.push([update(member, Nome="Anna Maria")], later)) == {"applied": 1}
    recipient = mailup.simulator.recipient(mailup.list_id, email)
    assert recipient and recipient["fields"] == {"1": "Anna Maria", "2": "Bianchi"}


def test_a_field_that_is_not_there_is_a_sentence_and_is_never_made(mailup: MailupWorld) -> None:
    with pytest.raises(ConfigError) as caught:
        mailup.read("Nowhere")
    assert "Nowhere" in caught.value.what and "#3" in caught.value.do
    with pytest.raises(ConfigError):
        mailup.provider.create_merge_field(mailup.audience_id, "Nowhere", "Nowhere")
    assert mailup.provider.create_merge_field(mailup.audience_id, FIELD, FIELD).field_id == "1"
