"""The MailUp simulator as an independent client sees it: mailupy 1.1.4, unchanged but for its base addresses."""

from collections.abc import Iterator
from typing import Any

import pytest
from mailupy import Mailupy, MailupyRequestException  # type: ignore[import-untyped]

from pipelines.sandbox.mailup.simulator import Mailup

ALBA = "alba.conti@postaprivata.example"
MARIO = "mario.fonte@giornale.example"
NEW = "piero.neri@posta.example"


@pytest.fixture
def client(mailup_simulator: Mailup) -> Iterator[Any]:
    """mailupy reads its two addresses through the class, and logs in while it is made."""
    mailup_simulator.turn(calls_per_second=0)
    yield local(mailup_simulator)


def local(simulator: Mailup, password: str | None = None) -> Any:
    class LocalMailupy(Mailupy):  # type: ignore[misc]
        AUTH_URL = f"{simulator.url}/Authorization/OAuth/Token"
        BASE_URL = f"{simulator.url}/API/v1.1/Rest/ConsoleService.svc/Console"

    return LocalMailupy(
        simulator.username, password or simulator.password, simulator.client_id, simulator.client_secret
    )


def test_a_wrong_password_is_refused(mailup_simulator: Mailup) -> None:
    with pytest.raises(MailupyRequestException, match=r"Error 400.*invalid_grant"):
        local(mailup_simulator, "sbagliata")


def test_an_expired_token_is_refreshed_and_the_call_repeated(client: Any, mailup_simulator: Mailup) -> None:
    mailup_simulator.expire_tokens()
    assert len(list(client.get_fields())) == 26
    assert mailup_simulator.stats()["statuses"]["401"] == 1


def test_all_fields_come_page_by_page_descending_unless_ordered(client: Any) -> None:
    assert [field["Id"] for field in client.get_fields()] == list(range(26, 0, -1))
    ascending = [field["Id"] for field in client.get_fields(order_by=["Id asc"])]
    assert ascending == list(range(1, 27))
    assert [field["Id"] for field in client.get_fields(filter_by="Description.Contains('idcliente')")] == [12]


def test_groups_are_found_created_and_filtered(client: Any, mailup_simulator: Mailup) -> None:
    list_id = mailup_simulator.list_id
    assert client.get_or_create_group(list_id, "Aggiunti a mano") == (1, False)
    number, is_new = client.get_or_create_group(list_id, "Soci")
    assert is_new and client.get_or_create_group(list_id, "Soci") == (number, False)
    made = client.create_group(list_id, "Non Soci", notes="da TSC")
    assert made == {
        "Count": None,
        "Deletable": True,
        "Name": "Non Soci",
        "Notes": "da TSC",
        "idGroup": number + 1,
        "idList": list_id,
    }
    found = list(client.get_groups_from_list(list_id, filter_by="\"Name.Contains('Soci')\"", order_by=["Name desc"]))
    assert [group["Name"] for group in found] == ["Soci", "Non Soci"]


def test_recipients_are_read_by_status_and_by_address(client: Any, mailup_simulator: Mailup) -> None:
    list_id = mailup_simulator.list_id
    everybody = list(client.get_recipients_from_list(list_id))
    assert len(everybody) == 12
    assert {item["Email"]: item["Status"] for item in everybody}[MARIO] == "OPTOUT"
    assert len(list(client.get_subscribed_recipients_from_list(list_id))) == 11
    assert [item["Email"] for item in client.get_unsubscribed_recipients_from_list(list_id)] == [MARIO]
    assert client.get_recipient_from_list(list_id, MARIO)["Optout_Type"] == 2
    assert client.get_subscribed_recipient_from_list(list_id, ALBA)["Name"] == "Alba"
    assert client.get_subscribed_recipient_from_list(list_id, MARIO) is None
    assert client.get_unsubscribed_recipient_from_list(list_id, MARIO)["idRecipient"] == 28
    assert len(list(client.get_recipients_from_group(1))) == 12
    assert client.get_recipient_from_group(1, ALBA)["Email"] == ALBA
    with pytest.raises(MailupyRequestException, match="Syntax error"):
        client.get_recipient_from_list(list_id, "o'brien@posta.example")


def test_a_recipient_is_subscribed_changed_unsubscribed_and_removed(client: Any, mailup_simulator: Mailup) -> None:
    list_id = mailup_simulator.list_id
    number = client.subscribe_to_list(list_id, "Piero", NEW, fields={"idcliente": "77", "non c'è": "x"})
    known = client.get_subscribed_recipient_from_list(list_id, NEW)
    assert known["idRecipient"] == number
    assert {field["Description"]: field["Value"] for field in known["Fields"] if field["Value"]} == {"IDCliente": "77"}
    changed = client.update_customer_fields("Piero N.", NEW, fields={"cognome": "Neri"})
    assert changed["Name"] == "Piero N." and len(changed["Fields"]) == 26
    assert mailup_simulator.recipient(list_id, NEW)["fields"] == {"2": "Neri", "12": "77"}  # type: ignore[index]

    assert client.unsubscribe_from_list(list_id, number)
    assert client.get_unsubscribed_recipient_from_list(list_id, NEW)["idRecipient"] == number
    assert client.remove_from_list(list_id, number)
    assert client.get_recipient_from_list(list_id, NEW) is None
    assert client.subscribe_to_list(list_id, "Piero", NEW) == number
    assert client.remove_from_list("all", number)
    assert mailup_simulator.recipient(list_id, NEW) is None


def test_a_pending_recipient_has_yet_to_confirm(client: Any, mailup_simulator: Mailup) -> None:
    list_id = mailup_simulator.list_id
    client.subscribe_to_list(list_id, "Piero", NEW, pending=True)
    assert client.get_recipient_from_list(list_id, NEW)["Status"] == "PENDING"
    mailup_simulator.act(list_id, NEW, "confirm")
    assert client.get_recipient_from_list(list_id, NEW)["Status"] == "OPTIN"


def test_subscribing_to_a_group_subscribes_to_its_list(client: Any, mailup_simulator: Mailup) -> None:
    number = client.subscribe_to_group(1, "Piero", NEW)
    assert client.get_recipient_from_list(mailup_simulator.list_id, NEW)["Status"] == "OPTIN"
    assert client.get_recipient_from_group(1, NEW)["idRecipient"] == number
    assert client.unsubscribe_from_group(1, number)
    assert client.get_recipient_from_group(1, NEW) is None
    assert client.get_recipient_from_list(mailup_simulator.list_id, NEW)["Status"] == "OPTIN"


def test_messages_are_listed_and_sent_to_one_person(client: Any, mailup_simulator: Mailup) -> None:
    list_id = mailup_simulator.list_id
    assert list(client.get_messages_from_list(list_id)) == []
    headers = client._default_headers()
    body = '{"Subject": "Invito", "Content": "<p>Ciao</p>"}'
    answer = client._requests_wrapper("POST", client._build_url(f"/List/{list_id}/Email"), headers=headers, data=body)
    message = answer.json()["idMessage"]
    assert client.send_message(ALBA, message, fields={"nome": "Alba"})
    (listed,) = client.get_messages_from_list(list_id)
    assert (listed["Subject"], listed["idMessage"], listed["ServiceType"]) == ("Invito", message, 0)
    assert list(client.get_messages_from_list(list_id, tags=["nessuno"])) == []
    with pytest.raises(MailupyRequestException, match="Error 404"):
        client.send_message(ALBA, 9999)


def test_a_text_message_is_sent_to_one_number(client: Any, mailup_simulator: Mailup) -> None:
    message = mailup_simulator.add_sms_message(mailup_simulator.list_id, "Ciao")
    assert client.send_sms("39", "3331234567", message)
    with pytest.raises(MailupyRequestException, match="Error 404"):
        client.send_sms("39", "3331234567", 9999)
