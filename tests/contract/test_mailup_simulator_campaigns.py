"""Messages, tags, sendings and statistics of the MailUp simulator (sections 7 and 8)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mailup_simulator_caller import MailupCaller

from pipelines.sandbox.server import Sandbox

ALBA = "alba.conti@postaprivata.example"
MARIO = "mario.fonte@giornale.example"  # has left
PAGE = '<p><a href="https://soci.example/a?x=1&amp;y=2">a</a> <a href="https://soci.example/b">b</a></p>'
NOBODY_REACTS = {"hard_bounces": 0, "soft_bounces": 0, "proxies": 0, "opens": 0}
EVERYBODY_CLICKS = {**NOBODY_REACTS, "never_opens": 0, "opens": 1, "clicks": 1, "opt_outs": 0, "complaints": 0}
EVERYBODY_LEAVES = {**EVERYBODY_CLICKS, "clicks": 0, "opt_outs": 1}


@pytest.fixture
def call(mailup_simulator_call: MailupCaller) -> MailupCaller:
    return mailup_simulator_call


def message(call: MailupCaller, subject: str = "Invito", **body: Any) -> int:
    made = call("POST", "LIST/Email", json={"Subject": subject, "Content": PAGE, **body})
    assert made.status_code == 200, made.text
    return int(made.json()["idMessage"])


def send(call: MailupCaller, number: int, **query: Any) -> dict[str, Any]:
    answer = call("POST", f"LIST/Email/{number}/Send", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rows(call: MailupCaller, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call.statistics(path, params={"PageSize": 1000})["Items"]
    return found


def many(call: MailupCaller, count: int = 600, group_id: int = 0) -> None:
    bodies = ({"Email": f"p{number}@massa{number % 7}.example", "Name": ""} for number in range(count))
    call.simulator.add_recipients(call.list_id, bodies, group_id)


def test_a_message_is_written_read_changed_and_deleted(call: MailupCaller) -> None:
    number = message(call, Notes="n", PreHeader="h")
    (listed,) = call.items("LIST/Emails")
    assert sorted(listed) == ["CreationDate", "Notes", "ServiceType", "Subject", "idList", "idMessage"]
    assert datetime.strptime(listed["CreationDate"], "%Y-%m-%d %H:%M:%S%z").tzinfo == UTC
    whole = call("GET", f"LIST/Email/{number}").json()
    assert (whole["Content"], whole["PreHeader"], whole["Notes"]) == (PAGE, "h", "n")
    call("PUT", f"LIST/Email/{number}", json={"Subject": "Nuovo", "Content": "<p></p>"})
    assert call("PUT", f"LIST/Email/{number}/EnableDynamicFields/true").content == b""
    whole = call("GET", f"LIST/Email/{number}").json()
    assert (whole["Subject"], whole["UseDynamicField"], whole["PreHeader"]) == ("Nuovo", True, "h")
    assert call("DELETE", f"LIST/Email/{number}").content == b"" and call.items("LIST/Emails") == []
    assert call("POST", "LIST/Email", json={"Subject": "S"}).status_code == 400


def test_a_tag_must_exist_before_it_is_used(call: MailupCaller) -> None:
    assert call("POST", "LIST/Email", json={"Subject": "S", "Content": "c", "Tags": [{"Id": 1}]}).status_code == 400
    tag = call("POST", "LIST/Tag", json="eventi").json()
    assert tag == {"Enabled": True, "Id": 1, "Name": "eventi"} and call.items("LIST/Tags") == [tag]
    tagged, plain = message(call, Tags=[tag]), message(call, Tags=None)
    assert [item["idMessage"] for item in call.items("LIST/Emails", tags="eventi,altri")] == [tagged]
    assert [item["idMessage"] for item in call.items("LIST/Emails", tags="")] == [tagged, plain]
    call("PUT", "LIST/Tag/1", json={**tag, "Name": "corsi"})
    assert call("GET", f"LIST/Email/{tagged}").json()["Tags"] == [{**tag, "Name": "corsi"}]
    assert call("DELETE", "LIST/Tag/1").content == b""
    assert call("GET", f"LIST/Email/{tagged}").json()["Tags"] == []
    assert call("POST", "LIST/Tag", json={"Name": "x"}).status_code == 400


def test_a_sending_reaches_the_subscribed_and_nobody_else(call: MailupCaller) -> None:
    number = message(call)
    answer = send(call, number, SenderName="Segreteria")
    assert answer == {
        "Id": answer["Id"],
        "InvalidRecipients": [],
        "Sent": 11,
        "UnprocessedRecipients": [],
        "idMessage": number,
    }
    assert MARIO not in {item["Email"] for item in rows(call, f"/Message/{number}/List/Recipients")}
    (history,) = call.items(f"LIST/Email/{number}/SendHistory")
    assert sorted(history) == [
        *("EndDate", "Kb_transferred", "Recipients", "SenderEmail", "SenderName", "StartDate", "idMessage"),
    ]
    assert (history["Recipients"], history["SenderName"], history["idMessage"]) == (11, "Segreteria", number)
    assert call("GET", f"LIST/Email/{number}/SendingHistory").status_code == 404


def test_groups_choose_who_gets_a_message(call: MailupCaller) -> None:
    """Requirement K6: send to groups, except to the excluded ones."""
    soci, esclusi = (call.simulator.add_group(call.list_id, name) for name in ("Soci", "esclusi"))
    many(call, 10, soci)
    for number in range(3):
        call.simulator.act(call.list_id, f"p{number}@massa{number}.example", "join_group", group_id=esclusi)
    assert send(call, message(call), inGroups=soci, notInGroups=esclusi)["Sent"] == 7
    assert send(call, message(call), notInGroups=f"{esclusi},1")["Sent"] == 7
    group_send = call("POST", f"/Group/{esclusi}/Email/{message(call)}/Send")
    assert group_send.json()["Sent"] == 3
    assert call("POST", f"LIST/Email/{message(call)}/Send?inGroups=99").status_code == 404


def test_online_and_archived_messages_are_told_apart(call: MailupCaller) -> None:
    sent, unsent, archived = message(call), message(call), message(call)
    send(call, sent), send(call, archived)
    call.simulator.archive_message(archived)
    (online,) = call.items("LIST/Online/Emails")
    assert online["idMessage"] == sent and online["Url"].startswith("https://") and online["LastSendDate"][-1] == "Z"
    assert [item["idMessage"] for item in call.items("LIST/Archived/Emails")] == [archived]
    assert [item["idMessage"] for item in call.items("LIST/Emails")] == [sent, unsent, archived]


def test_a_message_to_one_person_needs_a_subscribed_recipient(call: MailupCaller) -> None:
    number = message(call)
    told = [
        (answer["Sent"], answer["InvalidRecipients"], answer["UnprocessedRecipients"])
        for email in (ALBA, MARIO, "nessuno@posta.example")
        for answer in [call("POST", "/Email/Send", json={"Email": email, "idMessage": number}).json()]
    ]
    assert told == [(1, [], []), (0, [], [MARIO]), (0, ["nessuno@posta.example"], [])]


def test_a_deferred_sending_waits_can_be_stopped_and_goes_out_in_time(
    call: MailupCaller, mailchimp_simulator_server: Sandbox
) -> None:
    number = message(call)
    at = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%SZ")
    first, second = send(call, number, datetime=at)["Id"], send(call, number, datetime=at)["Id"]
    assert [item["idSending"] for item in call.items("/Email/Sendings/Deferred")] == [first, second]
    for path in (f"/Email/Sendings/{first}/Deferred", f"/Email/Sending/{first}/Deferred"):
        assert call("GET", path).json()["Date"].endswith("Z")
    later = {"Date": (datetime.now(UTC) + timedelta(minutes=30)).strftime("%Y-%m-%d %H:%M:%SZ")}
    assert call("POST", f"/Email/Sendings/{first}/Deferred", json=later).status_code == 200
    assert call("POST", f"/Email/Sendings/{first}/Deferred", json={"Date": "presto"}).status_code == 400
    call.simulator.turn(calls_per_second=5)
    assert call("DELETE", f"/Email/Sendings/{second}").content == b""
    assert call("DELETE", f"/Email/Sendings/{first}").status_code == 429, "one in 30 seconds"
    assert call.statistics(f"/Message/{number}/Count/Recipients") == 0
    call.simulator.act(call.list_id, ALBA, "opt_out")
    mailchimp_simulator_server.clock.advance(1900)
    assert call.statistics(f"/Message/{number}/Count/Recipients") == 10, "who left meanwhile gets nothing"


def test_statistics_agree_with_each_other_and_with_the_recipients(call: MailupCaller) -> None:
    many(call)
    number = message(call)
    send(call, number)
    found = {
        what: rows(call, f"/Message/{number}/List/{what}")
        for what in ("Recipients", "Views", "Clicks", "Bounces", "Unsubscriptions")
    }
    for what, items in found.items():
        assert call.statistics(f"/Message/{number}/Count/{what}") == len(items) > 0, what
    assert [sorted(items[0]) for items in found.values()] == [
        ["Email", "IdMessage", "IdRecipient"],
        ["Count", "Email", "IdRecipient"],
        ["Count", "Email", "IdRecipient"],
        ["Email", "IdMessage", "IdRecipient", "Type"],
        ["Email", "IdMessage", "IdRecipient"],
    ]
    people = {what: {item["Email"] for item in items} for what, items in found.items()}
    assert len(people["Recipients"]) == 611 and not people["Bounces"] & people["Views"]
    optins = {item["Email"]: item for item in call.items("LIST/Recipients/EmailOptins")}
    assert {optins[email]["Status"] for email in people["Unsubscriptions"]} == {"OPTOUT"}
    assert {optins[email]["Optout_MsgID"] for email in people["Unsubscriptions"]} == {number}
    hard = {item["Email"] for item in found["Bounces"] if item["Type"] == "Hard"}
    assert {email for email, item in optins.items() if item["Optout_Type"] == 8} == hard


def test_clicks_are_told_by_address_and_by_person(call: MailupCaller) -> None:
    call.simulator.turn(habits=EVERYBODY_CLICKS)
    number = message(call)
    send(call, number)
    by_url = {item["Url"]: item for item in rows(call, f"/Message/{number}/List/UrlClicks")}
    assert set(by_url) == {"https://soci.example/a?x=1&y=2", "https://soci.example/b"}
    details = rows(call, f"/Message/{number}/List/UrlClickDetails")
    counted: Counter[str] = Counter()
    for item in details:
        counted[item["Url"]] += item["Count"]
    assert counted == {url: item["Count"] for url, item in by_url.items()}
    clicks = {item["Email"]: item["Count"] for item in rows(call, f"/Message/{number}/List/Clicks")}
    assert sum(clicks.values()) == counted.total() and len(clicks) == 11
    assert {item["Email"] for item in details} == set(clicks)
    call.simulator.turn(counts_are_unique=False)
    assert call.statistics(f"/Message/{number}/Count/Clicks") == counted.total() > 11


def test_leaving_by_the_link_is_a_click_on_unsubscribe(call: MailupCaller) -> None:
    """Section 8: an address that is none."""
    call.simulator.turn(habits=EVERYBODY_LEAVES)
    number = message(call)
    send(call, number)
    kinds = Counter(item["Optout_Type"] for item in call.items("LIST/Recipients/EmailOptins"))
    assert set(kinds) <= {2, 32} and kinds.total() == 12
    (item,) = rows(call, f"/Message/{number}/List/UrlClicks")
    assert (item["Url"], item["Count"]) == ("Unsubscribe", kinds[2] - 1), "Mario had left before"


def test_statistics_are_those_of_the_message_over_all_its_sendings(call: MailupCaller) -> None:
    call.simulator.turn(habits=NOBODY_REACTS)
    number = message(call)
    send(call, number), send(call, number)
    assert call.statistics(f"/Message/{number}/Count/Recipients") == 11
    assert len(call.items(f"LIST/Email/{number}/SendHistory")) == 2
    alba = call.simulator.recipient(call.list_id, ALBA)
    assert alba
    (delivery,) = rows(call, f"/Recipient/{alba['id']}/List/Deliveries")
    assert delivery == {"Count": 2, "IdList": call.list_id, "IdMessage": number, "Notes": "", "Subject": "Invito"}


def test_one_recipient_has_statistics_too(call: MailupCaller) -> None:
    call.simulator.turn(habits=NOBODY_REACTS)
    first, second = message(call), message(call)
    send(call, first), send(call, second)
    for act, options in (("open", {}), ("click", {"url": "https://soci.example/b"}), ("opt_out", {})):
        call.simulator.act(call.list_id, ALBA, act, message_id=first, **options)
    found = call.simulator.act(call.list_id, ALBA, "soft_bounce", message_id=second)
    assert found and found["optout_message_id"] == first
    root = f"/Recipient/{found['id']}"
    counts = {what: call.statistics(f"{root}/Count/{what}") for what in ("Deliveries", "Views", "Clicks", "Bounces")}
    assert counts == {"Deliveries": 2, "Views": 1, "Clicks": 1, "Bounces": 1}
    assert [item["IdMessage"] for item in rows(call, f"{root}/List/Unsubscriptions")] == [first]
    assert [item["Url"] for item in rows(call, f"{root}/List/ClicksDetails")] == [
        "https://soci.example/b",
        "Unsubscribe",
    ]
    (bounce,) = rows(call, f"{root}/List/BouncesDetails")
    assert (bounce["IdMessage"], bounce["Type"]) == (second, "Soft")
    other = call.statistics(f"{root}/List/Deliveries?filterby=IdList+%3d%3d+51")
    assert other["TotalElementsCount"] == 0


def test_pages_of_statistics_have_20_items_and_filters(call: MailupCaller) -> None:
    many(call, 30)
    number = message(call)
    send(call, number)
    page = call.statistics(f"/Message/{number}/List/Recipients?pageNumber=1")
    assert (page["PageSize"], len(page["Items"]), page["TotalElementsCount"]) == (20, 20, 41)
    found = call.statistics(f"/Message/{number}/List/Recipients?filterby=Email=='{ALBA}'")
    assert [item["Email"] for item in found["Items"]] == [ALBA]
    assert call.statistics(f"/Message/{number}/Count/Recipients?filterby=Email=='{ALBA}'") == 41


def test_statistics_are_kept_for_a_year(call: MailupCaller, mailchimp_simulator_server: Sandbox) -> None:
    number = message(call)
    send(call, number)
    mailchimp_simulator_server.clock.advance(timedelta(days=366).total_seconds())
    call.login()
    assert call.statistics(f"/Message/{number}/Count/Recipients") == 0
    assert call.statistics(f"/Message/{number}/List/Recipients")["Items"] == []


def test_opens_and_clicks_come_as_the_clock_goes_on(call: MailupCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.simulator.turn(sent_before=0, habits=EVERYBODY_CLICKS)
    number = message(call)
    send(call, number)
    counts = []
    for seconds in (0, 600, 3001):
        mailchimp_simulator_server.clock.advance(seconds)
        call.login()
        counts.append([call.statistics(f"/Message/{number}/Count/{what}") for what in ("Views", "Clicks")])
    assert [0, 0] == counts[0] < counts[1] < counts[2] == [11, 11]


def test_reactions_come_as_the_clock_goes_on(call: MailupCaller, mailchimp_simulator_server: Sandbox) -> None:
    call.simulator.turn(sent_before=0, habits=EVERYBODY_LEAVES)
    number = message(call)
    send(call, number)
    assert call.statistics(f"/Message/{number}/Count/Views") == 0
    assert set(Counter(call.statuses().values())) == {"OPTIN", "OPTOUT"}
    mailchimp_simulator_server.clock.advance(3601)
    call.login()
    assert call.statistics(f"/Message/{number}/Count/Views") == 11
    assert set(call.statuses().values()) == {"OPTOUT"}


def test_the_same_sending_ends_the_same_way_in_every_sandbox_of_one_seed(call: MailupCaller) -> None:
    found = []
    for _ in range(2):
        call.simulator.reset()
        call.simulator.turn(calls_per_second=0)
        call.login()
        many(call, 100)
        number = message(call)
        send(call, number)
        found.append([rows(call, f"/Message/{number}/List/{what}") for what in ("Clicks", "Bounces", "UrlClicks")])
    assert found[0] == found[1] != [[], [], []]
