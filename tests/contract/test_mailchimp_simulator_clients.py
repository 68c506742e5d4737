"""The Mailchimp simulator as independent clients see it: the official one and mailchimp3, unchanged."""

import hashlib
from typing import Any

import mailchimp_marketing  # type: ignore[import-untyped]
import pytest
import requests
from mailchimp3 import MailChimp  # type: ignore[import-untyped]
from mailchimp3.mailchimpclient import MailChimpError  # type: ignore[import-untyped]
from mailchimp_marketing.api_client import ApiClientError  # type: ignore[import-untyped]

from pipelines.sandbox.mailchimp.simulator import Mailchimp

KEY_ORDER = (
    "id email_address unique_email_id contact_id full_name web_id email_type status "
    "consents_to_one_to_one_messaging merge_fields stats ip_signup timestamp_signup ip_opt timestamp_opt "
    "member_rating last_changed language vip email_client location source tags_count tags list_id _links"
)

PAGE = '<p><a href="https://vereniging.example/agenda?jaar=2026&amp;m=11">Agenda</a> <a href="*|UNSUB|*">weg</a></p>'


def md5(address: str) -> str:
    return hashlib.md5(address.lower().encode()).hexdigest()


@pytest.fixture
def official(mailchimp_simulator: Mailchimp) -> Any:
    client = mailchimp_marketing.Client({"api_key": mailchimp_simulator.api_key, "timeout": 120})
    client.api_client.host = f"{mailchimp_simulator.url}/3.0"
    return client


@pytest.fixture
def third_party(mailchimp_simulator: Mailchimp) -> MailChimp:
    client = MailChimp(mc_api=mailchimp_simulator.api_key, mc_user="any", timeout=120)
    client.base_url = f"{mailchimp_simulator.url}/3.0/"
    return client


@pytest.fixture
def list_id(mailchimp_simulator: Mailchimp) -> str:
    return mailchimp_simulator.list_id


def test_the_official_client_reads_the_account_and_the_audiences(official: Any, list_id: str) -> None:
    assert official.ping.get() == {"health_status": "Everything's Chimpy!"}
    account = official.root.get_root()
    assert account["role"] == "owner" and account["account_id"] and account["login_id"]
    lists = official.lists.get_all_lists()
    assert [item["name"] for item in lists["lists"]] == ["Relaties"]
    assert lists["constraints"]["may_create"] is True
    assert official.lists.get_list(list_id)["stats"]["member_count"] == 11


def test_an_audience_is_created_changed_and_deleted(official: Any) -> None:
    contact = {"company": "V", "address1": "Straat 1", "city": "Utrecht", "zip": "3511", "country": "NL", "state": ""}
    defaults = {"from_name": "V", "from_email": "v@v.example", "subject": "", "language": "nl"}
    body = {
        "name": "Leden",
        "contact": contact,
        "permission_reminder": "U bent lid.",
        "campaign_defaults": {**defaults, "subject": "Nieuws"},
        "email_type_option": False,
    }
    made = official.lists.create_list(body)
    fields = official.lists.get_list_merge_fields(made["id"])["merge_fields"]
    assert [field["tag"] for field in fields] == ["FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY"]
    assert official.lists.update_list(made["id"], {**body, "name": "Oud-leden"})["name"] == "Oud-leden"
    assert official.lists.delete_list(made["id"]).status_code == 204
    with pytest.raises(ApiClientError) as refusal:
        official.lists.get_list(made["id"])
    assert refusal.value.status_code == 404


def test_a_member_is_added_read_changed_archived_and_brought_back(official: Any, list_id: str) -> None:
    """Sections 6.1 to 6.3: key order, texts instead of nulls, merged merge fields, archive and return."""
    body = {"email_address": "Ina.Boot@post.example", "status": "subscribed", "merge_fields": {"FNAME": "Ina"}}
    made = official.lists.add_list_member(list_id, {**body, "tags": ["Nieuwsbrief"]})
    assert " ".join(made) == KEY_ORDER
    assert made["id"] == md5("ina.boot@post.example") and made["email_address"] == "Ina.Boot@post.example"
    assert made["merge_fields"] == {"FNAME": "Ina", "LNAME": "", "ADDRESS": "", "PHONE": "", "BIRTHDAY": ""}
    assert made["timestamp_signup"] == "" and made["tags_count"] == 1 and made["full_name"] == "Ina"

    changed = official.lists.set_list_member(
        list_id,
        md5("ina.boot@post.example"),
        {"email_address": "ina.boot@post.example", "status_if_new": "pending", "merge_fields": {"LNAME": "Boot"}},
    )
    assert changed["status"] == "subscribed" and changed["full_name"] == "Ina Boot"

    assert official.lists.delete_list_member(list_id, made["id"]).status_code == 204
    archived = official.lists.get_list_member(list_id, made["id"])
    assert archived["status"] == "archived" and archived["tags_count"] == 1

    back = official.lists.add_list_member(list_id, {"email_address": "ina.boot@post.example", "status": "subscribed"})
    assert back["contact_id"] == made["contact_id"] and back["merge_fields"]["LNAME"] == "Boot"
    assert [tag["name"] for tag in back["tags"]] == ["Nieuwsbrief"]


def test_a_batch_is_a_200_whatever_happens_to_its_members(official: Any, list_id: str) -> None:
    """Section 6.6: errors stand in the body, with a code of their own only for addresses that exist."""
    members = [
        {"email_address": "nieuw@post.example", "status": "subscribed", "merge_fields": {"FNAME": "N"}, "tags": ["A"]},
        {"email_address": "anke.vis@privemail.example", "status": "subscribed"},
        {"email_address": "foo@example.com", "status": "subscribed"},
        {"email_address": "bij@post.example", "status": "subscribed", "merge_fields": {"BIRTHDAY": "31/31"}},
    ]
    answer = official.lists.batch_list_members(list_id, {"members": members, "update_existing": False})
    assert (answer["total_created"], answer["total_updated"], answer["error_count"]) == (1, 0, 3)
    assert [error["error_code"] for error in answer["errors"]] == [
        "ERROR_CONTACT_EXISTS",
        "ERROR_GENERIC",
        "ERROR_GENERIC",
    ]
    assert answer["errors"][2]["field"] == "BIRTHDAY"
    assert answer["new_members"][0]["tags"][0]["name"] == "A"
    assert "full_name" not in answer["new_members"][0]


def test_a_batch_update_without_a_status_keeps_everybodys_status(official: Any, list_id: str) -> None:
    members = [
        {"email_address": "koos.lamp@buurtkrant.example", "merge_fields": {"FNAME": "Jacobus"}},
        {"email_address": "anke.vis@privemail.example", "merge_fields": {"FNAME": "Anneke"}},
    ]
    answer = official.lists.batch_list_members(list_id, {"members": members, "update_existing": True})
    assert answer["total_updated"] == 2
    assert [member["status"] for member in answer["updated_members"]] == ["unsubscribed", "subscribed"]
    assert answer["updated_members"][0]["merge_fields"]["FNAME"] == "Jacobus"


def test_tags_are_added_found_and_taken_away(official: Any, list_id: str) -> None:
    member = md5("anke.vis@privemail.example")
    before = official.lists.get_list_member(list_id, member)["last_changed"]
    tags = {"tags": [{"name": "Nieuwsbrief", "status": "active"}, {"name": "Nergens", "status": "inactive"}]}
    assert official.lists.update_list_member_tags(list_id, member, tags).status_code == 204
    assert [tag["name"] for tag in official.lists.get_list_member_tags(list_id, member)["tags"]] == ["Nieuwsbrief"]
    assert official.lists.tag_search(list_id, name="nieuws")["total_items"] == 1
    assert official.lists.get_list_member(list_id, member)["last_changed"] >= before
    official.lists.update_list_member_tags(list_id, member, {"tags": [{"name": "nieuwsbrief", "status": "inactive"}]})
    assert official.lists.get_list_member(list_id, member)["tags"] == []


def test_a_static_segment_takes_and_gives_back_many_members(official: Any, list_id: str) -> None:
    known = ["anke.vis@privemail.example", "koos.lamp@buurtkrant.example"]
    segment = official.lists.create_segment(
        list_id, {"name": "Raad", "static_segment": [known[0], "x@nergens.example"]}
    )
    assert segment["member_count"] == 1 and segment["type"] == "static"
    answer = official.lists.batch_segment_members({"members_to_add": known}, list_id, segment["id"])
    assert (answer["total_added"], answer["error_count"]) == (1, 0)
    shown = official.lists.get_segment_members_list(list_id, segment["id"])
    assert [member["email_address"] for member in shown["members"]] == known[:1]
    everybody = official.lists.get_segment_members_list(list_id, segment["id"], include_unsubscribed=True)
    assert everybody["total_items"] == 2
    answer = official.lists.batch_segment_members({"members_to_remove": known}, list_id, segment["id"])
    assert answer["total_removed"] == 2
    assert [item["name"] for item in official.lists.list_segments(list_id)["segments"]] == ["Raad"]
    assert official.lists.delete_segment(list_id, segment["id"]).status_code == 204
    assert official.lists.list_segments(list_id)["total_items"] == 0


def test_merge_fields_are_made_changed_and_dropped_with_their_values(official: Any, list_id: str) -> None:
    field = official.lists.add_list_merge_field(list_id, {"name": "Score", "type": "number", "tag": "SCORE"})
    assert (field["merge_id"], field["options"], field["required"]) == (6, {}, False)
    body = {"email_address": "g@post.example", "status": "subscribed", "merge_fields": {"SCORE": "15.5"}}
    member = official.lists.add_list_member(list_id, body)
    assert member["merge_fields"]["SCORE"] == 15.5
    renamed = official.lists.update_list_merge_field(list_id, 6, {"name": "Punten", "tag": "PUNTEN"})
    assert (renamed["tag"], renamed["type"]) == ("PUNTEN", "number")
    assert official.lists.get_list_member(list_id, member["id"])["merge_fields"]["PUNTEN"] == 15.5
    official.lists.delete_list_merge_field(list_id, 6)
    assert "PUNTEN" not in official.lists.get_list_member(list_id, member["id"])["merge_fields"]


def test_groups_are_made_and_members_join_and_leave_only_those_that_are_named(official: Any, list_id: str) -> None:
    category = official.lists.create_list_interest_category(list_id, {"title": "Soort", "type": "checkboxes"})
    ids = [
        official.lists.create_interest_category_interest(list_id, category["id"], {"name": name})["id"]
        for name in ("Leden", "Vrienden")
    ]
    member = md5("anke.vis@privemail.example")
    official.lists.update_list_member(list_id, member, {"interests": {ids[0]: True}})
    changed = official.lists.update_list_member(list_id, member, {"interests": {ids[1]: True}})
    assert changed["interests"] == {ids[0]: True, ids[1]: True}
    assert list(changed).index("interests") == list(changed).index("merge_fields") + 1
    shown = official.lists.list_interest_category_interests(list_id, category["id"])["interests"]
    assert [item["subscriber_count"] for item in shown] == ["1", "1"]
    official.lists.update_interest_category_interest(list_id, category["id"], ids[0], {"name": "Oud-leden"})
    assert official.lists.get_interest_category_interest(list_id, category["id"], ids[0])["name"] == "Oud-leden"
    official.lists.delete_interest_category_interest(list_id, category["id"], ids[0])
    assert official.lists.get_list_member(list_id, member)["interests"] == {ids[1]: True}
    official.lists.update_interest_category(list_id, category["id"], {"title": "Rol", "type": "checkboxes"})
    assert official.lists.get_list_interest_categories(list_id)["categories"][0]["title"] == "Rol"
    official.lists.delete_interest_category(list_id, category["id"])
    assert "interests" not in official.lists.get_list_member(list_id, member)


def test_a_campaign_is_made_sent_and_reported(official: Any, list_id: str) -> None:
    """Section 10, every report that the statistics use."""
    folder = official.campaignFolders.create({"name": "Nieuwsbrieven"})
    settings = {"subject_line": "Nieuws", "title": "N1", "from_name": "V", "reply_to": "v@v.example"}
    body = {"type": "regular", "recipients": {"list_id": list_id}}
    campaign = official.campaigns.create({**body, "settings": {**settings, "folder_id": folder["id"]}})
    assert campaign["status"] == "save" and campaign["send_time"] == ""
    official.campaigns.set_content(campaign["id"], {"html": PAGE})
    assert "Agenda" in official.campaigns.get_content(campaign["id"])["plain_text"]
    assert official.campaigns.send(campaign["id"]).status_code == 204
    assert official.campaigns.list(status="sent", list_id=list_id)["total_items"] == 1
    assert official.campaignFolders.list()["folders"][0]["count"] == 1

    reports = official.reports.get_all_campaign_reports()
    assert [report["id"] for report in reports["reports"]] == [campaign["id"]]
    report = official.reports.get_campaign_report(campaign["id"])
    assert report["emails_sent"] == 11
    recipients = official.reports.get_campaign_recipients(campaign["id"], count=100)["sent_to"]
    assert "koos.lamp@buurtkrant.example" not in {row["email_address"] for row in recipients}
    activity = official.reports.get_email_activity_for_campaign(campaign["id"], count=100)["emails"]
    opens = sum(event["action"] == "open" for row in activity for event in row["activity"])
    assert opens == report["opens"]["opens_total"]
    details = official.reports.get_campaign_open_details(campaign["id"], count=100)
    assert details["total_opens"] == opens and details["total_items"] == report["opens"]["unique_opens"]
    (link,) = official.reports.get_campaign_click_details(campaign["id"])["urls_clicked"]
    assert link["url"] == "https://vereniging.example/agenda?jaar=2026&m=11"
    clickers = official.reports.get_subscribers_info(campaign["id"], link["id"])
    assert clickers["total_items"] == link["unique_clicks"]
    opted_out = official.reports.get_unsubscribed_list_for_campaign(campaign["id"])
    assert opted_out["total_items"] == report["unsubscribed"]
    assert official.reports.get_domain_performance_for_campaign(campaign["id"])["total_sent"] == 11
    complaints = official.reports.get_campaign_abuse_reports(campaign["id"])
    assert complaints["total_items"] == report["abuse_reports"]
    assert official.campaigns.remove(campaign["id"]).status_code == 204


def test_the_official_client_takes_an_error_without_a_body_for_an_answer(
    official: Any, mailchimp_simulator: Mailchimp
) -> None:
    """Section 11: why our own client must look at the status itself."""
    mailchimp_simulator.fail(kind="empty", status=429)
    answer = official.ping.get()
    assert isinstance(answer, requests.Response) and answer.status_code == 429


def test_mailchimp3_works_on_members_tags_and_fields(third_party: MailChimp, list_id: str) -> None:
    assert third_party.ping.get() == {"health_status": "Everything's Chimpy!"}
    assert third_party.lists.all(get_all=True)["total_items"] == 1
    assert len(third_party.lists.members.all(list_id, get_all=True)["members"]) == 12
    body = {"email_address": "Jo@post.example", "status": "subscribed", "status_if_new": "subscribed"}
    made = third_party.lists.members.create_or_update(list_id, "jo@post.example", body)
    assert made["id"] == md5("jo@post.example")
    tags = {"tags": [{"name": "B", "status": "active"}]}
    third_party.lists.members.tags.update(list_id, "jo@post.example", data=tags)
    assert third_party.lists.members.tags.all(list_id, "jo@post.example")["total_items"] == 1
    changed = third_party.lists.members.update(list_id, "jo@post.example", {"merge_fields": {"PHONE": "030 123"}})
    assert changed["merge_fields"]["PHONE"] == "030 123"
    assert third_party.lists.merge_fields.all(list_id, get_all=True)["total_items"] == 5
    batch = {"members": [{"email_address": "k@post.example", "status": "pending"}], "update_existing": True}
    assert third_party.lists.update_members(list_id, batch)["total_created"] == 1
    third_party.lists.members.delete(list_id, "jo@post.example")
    third_party.lists.members.delete_permanent(list_id, "jo@post.example")
    with pytest.raises(MailChimpError) as refusal:
        third_party.lists.members.create(list_id, {"email_address": "jo@post.example", "status": "subscribed"})
    assert refusal.value.args[0]["title"] == "Forgotten Email Not Subscribed"
    assert "type" not in refusal.value.args[0]


def test_mailchimp3_sends_and_reads_reports(third_party: MailChimp, list_id: str) -> None:
    settings = {"subject_line": "Nieuws", "title": "N1", "from_name": "V", "reply_to": "v@v.example"}
    body = {"type": "regular", "recipients": {"list_id": list_id}, "settings": settings}
    campaign = third_party.campaigns.create(body)
    third_party.campaigns.content.update(campaign["id"], {"html": PAGE})
    third_party.campaigns.actions.send(campaign["id"])
    assert third_party.reports.get(campaign["id"])["emails_sent"] == 11
    assert third_party.reports.sent_to.all(campaign["id"], get_all=True)["total_items"] == 11
    assert len(third_party.reports.email_activity.all(campaign["id"], get_all=True)["emails"]) == 11
