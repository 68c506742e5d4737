"""Recipients of the MailUp simulator one at a time: reading, adding, changing, statuses, groups (5, 6.1, 6.3)."""

from typing import Any

import pytest
from mailup_simulator_caller import MailupCaller

ALBA = "alba.conti@postaprivata.example"  # subscribed
MARIO = "mario.fonte@giornale.example"  # has left by the link in a message
NEW = "piero.neri@posta.example"
# Optout_Type of section 5 and whether the person said so with their own hand.
OPT_OUTS = ((0, False), (2, True), (4, False), (16, True), (32, True), (64, True), (128, False), (1024, True))


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    return mailup_simulator_call


def known(call: MailupCaller, email: str) -> dict[str, Any]:
    found = call.simulator.recipient(call.list_id, email)
    assert found is not None
    return found


def number(call: MailupCaller, email: str) -> int:
    return int(known(call, email)["id"])


def add(call: MailupCaller, query: str = "", **body: Any) -> Any:
    return call("POST", f"LIST/Recipient{query}", json={"Email": NEW, "Name": "", **body})


def test_a_recipient_has_all_fields_and_nulls_without_a_mobile_number(call: MailupCaller) -> None:
    (alba,) = call.items("LIST/Recipients/Subscribed", filterby=f"Email=='{ALBA}'")
    assert list(alba) == ["idRecipient", "Email", "Name", "MobileNumber", "MobilePrefix", "Fields"]
    assert alba["MobileNumber"] is None and alba["MobilePrefix"] is None
    assert [field["Id"] for field in alba["Fields"]] == list(range(1, 27))
    assert alba["Fields"][0] == {"Description": "nome", "Id": 1, "Value": "Alba"}


def test_email_optins_tell_status_date_and_reason_of_everybody(call: MailupCaller) -> None:
    found = {item["Email"]: item for item in call.items("LIST/Recipients/EmailOptins")}
    assert len(found) == 12
    assert list(found[ALBA]) == [
        *("Email", "Optin_Date", "Optin_Request_Date", "Optin_Request_IP", "Optout_Date"),
        *("Optout_MsgID", "Optout_Subtype", "Optout_Type", "Status", "idRecipient"),
    ]
    assert (found[ALBA]["Status"], found[ALBA]["Optout_Date"], found[ALBA]["Optout_Type"]) == ("OPTIN", "", None)
    mario = found[MARIO]
    assert (mario["Status"], mario["Optout_Type"], mario["Optout_Subtype"]) == ("OPTOUT", 2, 21)
    assert len(mario["Optout_Date"]) == len("2020-01-27 10:38:00.000") and mario["Optout_Date"].endswith(".000")


@pytest.mark.parametrize(("code", "is_own_will"), OPT_OUTS)
def test_every_reason_of_an_opt_out_shows_with_its_type(call: MailupCaller, code: int, is_own_will: bool) -> None:
    call.simulator.act(call.list_id, ALBA, "opt_out", type=code)
    (item,) = call.items("LIST/Recipients/EmailOptins", filterby=f"Email=='{ALBA}'")
    assert (item["Status"], item["Optout_Type"]) == ("OPTOUT", code)
    assert known(call, ALBA)["objects"] is is_own_will
    assert [item["Email"] for item in call.items("LIST/Recipients/Unsubscribed")] == [ALBA, MARIO]


def test_a_new_recipient_is_subscribed_and_a_known_one_updated(call: MailupCaller) -> None:
    made = add(call, Name="Piero", Fields=[{"Id": 12, "Value": "77", "Description": "IDCliente"}]).json()
    assert add(call, Fields=[{"Id": 2, "Value": "Neri", "Description": "cognome"}]).json() == made
    found = known(call, NEW)
    assert (found["status"], found["name"], found["fields"]) == ("Subscribed", "Piero", {"2": "Neri", "12": "77"})
    assert add(call, Email=NEW.upper()).json() == made, "an address has no case"


def test_a_pending_recipient_is_neither_subscribed_nor_asked_again(call: MailupCaller) -> None:
    add(call, "?ConfirmEmail=true")
    assert call.statuses()[NEW] == "PENDING"
    assert [item["Email"] for item in call.items("LIST/Recipients/Pending")] == [NEW]
    add(call)
    assert call.statuses()[NEW] == "PENDING"
    call.simulator.act(call.list_id, NEW, "confirm")
    assert call.statuses()[NEW] == "OPTIN"
    add(call, "?ConfirmEmail=true")
    assert call.statuses()[NEW] == "OPTIN"


def test_an_unsubscribed_recipient_is_updated_and_stays_so(call: MailupCaller) -> None:
    answer = add(call, Email=MARIO, Fields=[{"Id": 12, "Value": "5"}])
    assert answer.status_code == 200
    assert known(call, MARIO)["status"] == "Unsubscribed" and known(call, MARIO)["fields"]["12"] == "5"
    add(call, "?ConfirmEmail=true", Email=MARIO)
    assert call.statuses()[MARIO] == "PENDING"


def test_what_a_synchronous_add_does_to_an_unsubscribed_recipient_is_a_switch(call: MailupCaller) -> None:
    call.simulator.turn(add_resubscribes=True, confirm_reaches_unsubscribed=False)
    add(call, "?ConfirmEmail=true", Email=MARIO)
    assert call.statuses()[MARIO] == "OPTOUT" and call.simulator.resubscribed() == []
    add(call, Email=MARIO)
    assert call.statuses()[MARIO] == "OPTIN"
    (entry,) = call.simulator.resubscribed()
    assert entry["against_will"] is True and entry["path"] == "/Console/List/{id_list}/Recipient"


@pytest.mark.parametrize(
    "email", ["", "nessuno", "a b@posta.example", "a@posta", "ä@posta.example", "a@@b.example", None]
)
def test_an_address_that_is_none_is_refused(call: MailupCaller, email: str | None) -> None:
    assert add(call, Email=email).status_code == 400


@pytest.mark.parametrize("email", ["o'brien@posta.example", "a+b@posta.example", "a.b-c_d@sub.posta.example"])
def test_an_unusual_address_is_taken(call: MailupCaller, email: str) -> None:
    assert add(call, Email=email).status_code == 200
    assert call.statuses()[email] == "OPTIN"


def test_the_mobile_number_is_a_second_unique_key(call: MailupCaller) -> None:
    """Section 12.5."""
    assert add(call, MobilePrefix="39", MobileNumber="3331234567").status_code == 200
    denied = add(call, Email="altro@posta.example", MobilePrefix="39", MobileNumber="3331234567")
    assert denied.status_code == 400 and "altro@posta.example" not in call.statuses()
    (found,) = call.items("LIST/Recipients/Subscribed", filterby="MobileNumber=='3331234567'")
    assert (found["Email"], found["MobilePrefix"]) == (NEW, "39")
    assert add(call, MobilePrefix="39", MobileNumber="3330000000").status_code == 200
    assert add(call, Email="altro@posta.example", MobilePrefix="39", MobileNumber="3331234567").status_code == 200


def test_a_recipient_of_one_list_joins_another_without_losing_the_first(call: MailupCaller) -> None:
    other = call.simulator.add_list("Altra")
    made = call("POST", f"/List/{other}/Recipient", json={"Email": MARIO, "Name": ""}).json()
    assert made == number(call, MARIO)
    status = call.simulator.recipient(other, MARIO)
    assert status and status["status"] == "Subscribed" and call.statuses()[MARIO] == "OPTOUT"


def test_details_change_what_is_sent_and_nothing_else(call: MailupCaller) -> None:
    add(call, Name="Piero", Fields=[{"Id": 2, "Value": "Neri"}, {"Id": 12, "Value": "77"}])
    path = "/Recipient/Detail"
    changed = call("PUT", path, json={"Email": NEW, "Name": "Piero", "Fields": [{"Id": 2, "Value": ""}]}).json()
    assert len(changed["Fields"]) == 26 and changed["Fields"][11]["Value"] == "77"
    assert known(call, NEW)["fields"] == {"12": "77"}, "an empty value that was sent blanks"
    by_id = {"idRecipient": number(call, NEW), "Email": "p.neri@posta.example"}
    assert call("PUT", path, json=by_id).json()["Email"] == "p.neri@posta.example"
    assert known(call, "p.neri@posta.example")["name"] == "Piero"
    assert call("PUT", path, json={**by_id, "Email": ALBA}).status_code == 400
    assert call("PUT", path, json={"Email": "nessuno@posta.example"}).status_code == 404


def test_a_value_has_at_most_200_characters(call: MailupCaller) -> None:
    """Section 12.9: nvarchar(200)."""
    add(call, Fields=[{"Id": 2, "Value": "è" * 201}])
    assert known(call, NEW)["fields"]["2"] == "è" * 200
    call.simulator.turn(long_values="refused")
    assert add(call, Fields=[{"Id": 2, "Value": "x" * 201}]).status_code == 400


def test_a_field_id_that_does_not_exist_is_ignored_unless_the_switch_says_otherwise(call: MailupCaller) -> None:
    assert add(call, Fields=[{"Id": 33, "Value": "x"}, {"Description": "nome", "Value": "y"}]).status_code == 200
    assert known(call, NEW)["fields"] == {}
    call.simulator.turn(unknown_field="refused")
    assert add(call, Fields=[{"Id": 33, "Value": "x"}]).status_code == 400


def test_name_and_field_1_are_two_values_unless_the_switch_says_otherwise(call: MailupCaller) -> None:
    add(call, Name="P.", Fields=[{"Id": 1, "Value": "Piero"}])
    assert (known(call, NEW)["name"], known(call, NEW)["fields"]) == ("P.", {"1": "Piero"})
    call.simulator.turn(name_is_field_1=True)
    call("PUT", "/Recipient/Detail", json={"Email": NEW, "Name": "Pietro"})
    assert (known(call, NEW)["name"], known(call, NEW)["fields"]) == ("Pietro", {"1": "Pietro"})


def test_unsubscribing_keeps_the_groups_and_an_earlier_reason(call: MailupCaller) -> None:
    assert call("DELETE", f"LIST/Unsubscribe/{number(call, ALBA)}").content == b""
    found = known(call, ALBA)
    assert (found["status"], found["optout_type"], found["groups"]) == ("Unsubscribed", 0, ["Aggiunti a mano"])
    call("DELETE", f"LIST/Unsubscribe/{number(call, MARIO)}")
    assert known(call, MARIO)["optout_type"] == 2
    assert len(call.items("/Group/1/Recipients")) == 12
    call.simulator.turn(group_lists_unsubscribed=False)
    assert len(call.items("/Group/1/Recipients")) == 10


def test_subscribing_by_id_forces_people_back_and_the_history_tells(call: MailupCaller) -> None:
    """Contract, sections 12.1 and 6.3."""
    assert call("POST", f"LIST/Subscribe/{number(call, MARIO)}").content == b""
    assert call.statuses()[MARIO] == "OPTIN"
    (entry,) = call.simulator.resubscribed()
    assert (entry["status_before"], entry["against_will"]) == ("Unsubscribed", True)


def test_joining_a_group_forces_people_back_unless_told_not_to(call: MailupCaller) -> None:
    group = call.simulator.add_group(call.list_id, "Soci")
    path = f"/Group/{group}/Subscribe/{number(call, MARIO)}"
    assert call("POST", f"{path}?confirmSubscription=false").content == b""
    assert call.statuses()[MARIO] == "OPTOUT" and known(call, MARIO)["groups"] == ["Aggiunti a mano", "Soci"]
    assert call.simulator.resubscribed() == []
    call("POST", path)
    assert call.statuses()[MARIO] == "OPTIN" and len(call.simulator.resubscribed()) == 1


def test_leaving_a_group_leaves_the_list_alone(call: MailupCaller) -> None:
    path = f"/Group/1/Unsubscribe/{number(call, ALBA)}"
    assert call("DELETE", path).content == b"" and call.statuses()[ALBA] == "OPTIN"
    assert known(call, ALBA)["groups"] == []
    assert call("DELETE", path).status_code == 200
    call.simulator.turn(absent_is_fine=False)
    assert call("DELETE", path).status_code == 404


def test_groups_of_a_recipient_are_listed(call: MailupCaller) -> None:
    (group,) = call.items(f"LIST/Recipient/{number(call, ALBA)}/Groups")
    assert (group["Name"], group["idGroup"]) == ("Aggiunti a mano", 1)


@pytest.mark.parametrize("act", ["hard_bounce", "complain"])
def test_nobody_is_forced_back_after_a_bounce_or_a_complaint(call: MailupCaller, act: str) -> None:
    call.simulator.act(call.list_id, ALBA, act)
    path = f"LIST/Subscribe/{number(call, ALBA)}"
    assert call("POST", path).status_code == 200 and call.statuses()[ALBA] == "OPTOUT"
    call.simulator.turn(forced_after_bounce="refused")
    assert call("POST", path).status_code == 400


def test_a_hard_bounce_takes_the_recipient_off_every_list(call: MailupCaller) -> None:
    other, third = call.simulator.add_list("Altra"), call.simulator.add_list("Terza")
    call("POST", f"/List/{other}/Recipient", json={"Email": ALBA, "Name": ""})
    call.simulator.act(call.list_id, ALBA, "hard_bounce")
    call("POST", f"/List/{third}/Recipient", json={"Email": ALBA, "Name": ""})
    for list_id in (call.list_id, other, third):
        found = call.simulator.recipient(list_id, ALBA)
        assert found and (found["status"], found["optout_type"]) == ("Unsubscribed", 8)


def test_removing_somebody_loses_the_opt_out_but_the_history_remembers(call: MailupCaller) -> None:
    """Section 12.10: a later import re-subscribes."""
    assert call("DELETE", f"LIST/Recipient/{number(call, MARIO)}").content == b""
    assert MARIO not in call.statuses() and known(call, MARIO)["groups"] == []
    call.imported("LIST/Recipients", [{"Email": MARIO, "Name": ""}])
    assert call.statuses()[MARIO] == "OPTIN"
    (entry,) = call.simulator.resubscribed()
    assert (entry["status_before"], entry["against_will"]) == ("", True)


def test_who_comes_back_by_their_own_hand_may_be_subscribed_again(call: MailupCaller) -> None:
    call.simulator.act(call.list_id, MARIO, "resubscribe")
    assert known(call, MARIO)["objects"] is False and call.statuses()[MARIO] == "OPTIN"
    call("DELETE", f"/Recipients/{number(call, MARIO)}")
    assert call.simulator.recipient(call.list_id, MARIO) is None
    add(call, Email=MARIO)
    assert call.statuses()[MARIO] == "OPTIN" and call.simulator.resubscribed() == []
