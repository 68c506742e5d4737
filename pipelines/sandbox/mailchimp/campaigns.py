"""Campaigns, their content, folders, and sending.

Belongs here: /campaigns, /campaign-folders. Does not: what recipients do (people.py), reports (reports.py). The
sandbox sends regular and plaintext campaigns whose content is given as html or plain_text.
"""

import html
import re
from datetime import timedelta
from typing import Any

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.mailchimp.links import link, links
from pipelines.sandbox.mailchimp.lookup import campaign_at
from pipelines.sandbox.mailchimp.model import Campaign, Delivery, Folder, Json, Member
from pipelines.sandbox.mailchimp.problems import Problem, invalid
from pipelines.sandbox.mailchimp.query import Asked, Window, choice, in_order, page_of, text_of
from pipelines.sandbox.mailchimp.state import State, address_hash, md5
from pipelines.sandbox.mailchimp.totals import summary_of
from pipelines.sandbox.pages import links_of
from pipelines.sandbox.people import Recipient

TYPES = ("regular", "plaintext", "absplit", "rss", "variate")
STATUSES = ("save", "paused", "schedule", "sending", "sent")
SETTINGS: Json = {
    "subject_line": "",
    "preview_text": "",
    "title": "",
    "from_name": "",
    "reply_to": "",
    "use_conversation": False,
    "to_name": "",
    "folder_id": "",
    "authenticate": True,
    "auto_footer": False,
    "inline_css": False,
    "auto_tweet": False,
    "fb_comments": False,
    "timewarp": False,
    "template_id": 0,
    "drag_and_drop": False,
}
TRACKING: Json = {
    "opens": True,
    "html_clicks": True,
    "text_clicks": True,
    "goal_tracking": False,
    "ecomm360": False,
    "google_analytics": "",
    "clicktale": "",
}
NEEDED = ("subject_line", "from_name", "reply_to")
OPT_OUT_REASONS = (
    "None given",
    "No longer interested",
    "Did not signup for list",
    "Too many emails",
    "Inappropriate content",
)


def links_in(campaign: Campaign) -> dict[str, str]:
    """{link_id: url} of the content."""
    if campaign.html:
        urls = list(links_of(campaign.html))
    else:
        urls = list(dict.fromkeys(re.findall(r"https?://[^\s<>\"]+", campaign.plain_text)))
    return {md5(f"{campaign.id}:{url}")[:10]: url for url in urls}


def recipients_of(state: State, campaign: Campaign) -> list[Member]:
    """Whom a send reaches now: subscribed members, of the segment if there is one."""
    members = state.members.of(campaign.list_id)
    if campaign.segment_id:
        tagged = state.members.tagged(campaign.segment_id)
        members = {key: member for key, member in members.items() if key in tagged}
    return [member for member in members.values() if member.status == "subscribed"]


def campaign_document(state: State, campaign: Campaign) -> Json:
    """The campaign as the API shows it."""
    audience = state.audiences.get(campaign.list_id)
    is_sent = campaign.status == "sent"
    count = len(state.deliveries.of(campaign.id)) if is_sent else len(recipients_of(state, campaign))
    segment = {"saved_segment_id": campaign.segment_id, "match": "any", "conditions": []}
    path = f"/campaigns/{campaign.id}"
    return {
        "id": campaign.id,
        "web_id": campaign.web_id,
        "type": campaign.type,
        "create_time": campaign.create_time,
        "archive_url": "",
        "long_archive_url": "",
        "status": campaign.status,
        "emails_sent": count if is_sent else 0,
        "send_time": campaign.send_time,
        "content_type": "html",
        "needs_block_refresh": False,
        "resendable": False,
        "recipients": {
            "list_id": campaign.list_id,
            "list_is_active": audience is not None,
            "list_name": audience.name if audience else campaign.list_name,
            "segment_text": "",
            "recipient_count": count,
            **({"segment_opts": segment} if campaign.segment_id else {}),
        },
        "settings": campaign.settings,
        "tracking": campaign.tracking,
        **({"report_summary": summary_of(state, campaign)} if is_sent else {}),
        "delivery_status": {"enabled": False},
        "_links": [*links(path, "/campaigns"), link("content", f"{path}/content"), link("send", path, "POST")],
    }


def get_campaigns(state: State, asked: Asked) -> Json:
    """GET /campaigns."""
    query, inclusive = asked.query, state.switches.since_is_inclusive
    kind, status = choice(query, "type", TYPES), choice(query, "status", STATUSES)
    sent = Window.of(query, "send_time", inclusive=inclusive)
    created = Window.of(query, "create_time", inclusive=inclusive)
    items = [
        item
        for item in state.campaigns
        if kind in (None, item.type)
        and status in (None, item.status)
        and sent.holds(item.send_time)
        and created.holds(item.create_time)
        and query.get("list_id") in (None, item.list_id)
        and query.get("folder_id") in (None, item.settings["folder_id"])
        and _went_to(state, item, query.get("member_id"))
    ]
    keys = {"create_time": lambda item: item.create_time, "send_time": lambda item: item.send_time}
    shown = page_of(in_order(items, query, keys), query)
    return {
        "campaigns": [campaign_document(state, item) for item in shown],
        "total_items": len(items),
        "_links": links("/campaigns", "/", changes=False),
    }


def _went_to(state: State, campaign: Campaign, member_id: str | None) -> bool:
    deliveries = state.deliveries.of(campaign.id).values()
    return member_id is None or any(address_hash(item.email_address) == member_id for item in deliveries)


def get_campaign(state: State, asked: Asked) -> Json:
    """GET /campaigns/{campaign_id}."""
    return campaign_document(state, campaign_at(state, asked))


def post_campaign(state: State, asked: Asked) -> Json:
    """POST /campaigns {type, recipients, settings, tracking}."""
    body = asked.object("type")
    if body["type"] not in TYPES:
        raise invalid("type", f"Value must be one of the following: {', '.join(TYPES)}")
    if body["type"] not in TYPES[:2]:
        raise Problem(400, "Bad Request", "This sandbox sends regular and plaintext campaigns only.")
    list_id, segment_id = _recipients(state, _object(body, "recipients"))
    settings = {**SETTINGS, **_object(body, "settings")}
    if settings["folder_id"] and not state.folders.get(settings["folder_id"]):
        raise invalid("settings.folder_id", "The folder does not exist.")
    campaign = Campaign(
        id=state.new_id("campaign"),
        web_id=state.number("campaign", 900001),
        type=body["type"],
        create_time=state.stamp(),
        list_id=list_id,
        segment_id=segment_id,
        settings=settings,
        tracking={**TRACKING, **_object(body, "tracking")},
    )
    state.campaigns.put(campaign)
    state.remember("campaign_add", list_id=list_id, ids=[campaign.id])
    return campaign_document(state, campaign)


def _object(body: Json, name: str) -> Json:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise invalid(name, "Schema describes object")
    return value


def _recipients(state: State, body: Json) -> tuple[str, int]:
    list_id = body.get("list_id", "")
    if list_id and not state.audiences.get(list_id):
        raise invalid("recipients.list_id", "The list does not exist.")
    options = _object(body, "segment_opts")
    if options.get("conditions"):
        raise Problem(400, "Bad Request", "This sandbox sends to static segments only: use saved_segment_id.")
    segment_id = options.get("saved_segment_id", 0)
    segment = state.segments.get(str(segment_id))
    if segment_id and (segment is None or segment.list_id != list_id):
        raise invalid("recipients.segment_opts.saved_segment_id", "The segment does not exist.")
    return list_id, segment_id


def delete_campaign(state: State, asked: Asked) -> None:
    """DELETE /campaigns/{campaign_id}, with its report."""
    campaign = campaign_at(state, asked)
    state.deliveries.forget(campaign.id)
    state.campaigns.remove(campaign)
    state.remember("campaign_delete", list_id=campaign.list_id, ids=[campaign.id])


def _content(campaign: Campaign) -> Json:
    path = f"/campaigns/{campaign.id}"
    return {
        "plain_text": campaign.plain_text,
        "html": campaign.html,
        "archive_html": campaign.html,
        "_links": links(f"{path}/content", path, changes=False),
    }


def get_content(state: State, asked: Asked) -> Json:
    """GET /campaigns/{campaign_id}/content."""
    return _content(campaign_at(state, asked))


def put_content(state: State, asked: Asked) -> Json:
    """PUT /campaigns/{campaign_id}/content {html | plain_text}."""
    campaign = campaign_at(state, asked)
    body = asked.object()
    if not {"html", "plain_text"} & set(body):
        raise Problem(400, "Bad Request", "This sandbox takes content as html or plain_text only.")
    if campaign.status == "sent":
        raise Problem(400, "Bad Request", "This campaign has been sent, its content can't be changed.")
    page = text_of(body, "html") if "html" in body else campaign.html
    text = text_of(body, "plain_text") if "plain_text" in body else html.unescape(re.sub(r"<[^>]*>", " ", page))
    campaign.html, campaign.plain_text = page, text
    state.campaigns.put(campaign)
    state.remember("campaign_content", list_id=campaign.list_id, ids=[campaign.id])
    return _content(campaign)


def post_send(state: State, asked: Asked) -> None:
    """POST /campaigns/{campaign_id}/actions/send: recipients get it, and do what people do."""
    campaign = campaign_at(state, asked)
    members = recipients_of(state, campaign)
    is_complete = all(campaign.settings[name] for name in NEEDED) and (campaign.html or campaign.plain_text)
    if campaign.status != "save" or not is_complete or not members:
        raise Problem(400, "Bad Request", "Your Campaign is not ready to send.")
    sent_at = state.now() - timedelta(seconds=state.switches.sent_before)
    campaign.status, campaign.send_time = "sent", stamp(sent_at)
    # Backdating a send must not put it before the campaign's own creation.
    campaign.create_time = min(campaign.create_time, campaign.send_time)
    campaign.links = links_in(campaign)
    for member in members:
        delivery = Delivery(campaign.id, member.contact_id, member.list_id, member.email_address)
        habits, address = state.switches.habits, member.email_address
        person = Recipient(habits, state.seed, campaign.id, address, sent_at, OPT_OUT_REASONS)
        person.receive(delivery, tuple(campaign.links))
        if delivery.complained_at:
            delivery.complaint_id = state.number("complaint", 700001)
        state.deliveries.add(delivery)
    _note_send(state, campaign, len(members))


def _note_send(state: State, campaign: Campaign, count: int) -> None:
    audience: Any = state.audiences.get(campaign.list_id)
    campaign.list_name = audience.name
    state.campaigns.put(campaign)
    if count >= 10:  # the date is kept for sends to 10 or more recipients
        audience.last_sent = campaign.send_time
        state.audiences.put(audience)
    state.remember("campaign_send", list_id=campaign.list_id, ids=[campaign.id])


def _folder_document(state: State, folder: Folder) -> Json:
    count = sum(campaign.settings["folder_id"] == folder.id for campaign in state.campaigns)
    path = f"/campaign-folders/{folder.id}"
    return {"name": folder.name, "id": folder.id, "count": count, "_links": links(path, "/campaign-folders")}


def get_folders(state: State, asked: Asked) -> Json:
    """GET /campaign-folders."""
    return {
        "folders": [_folder_document(state, folder) for folder in page_of(state.folders, asked.query)],
        "total_items": len(state.folders),
        "_links": links("/campaign-folders", "/", changes=False),
    }


def post_folder(state: State, asked: Asked) -> Json:
    """POST /campaign-folders {name}."""
    folder = Folder(state.new_id("folder"), text_of(asked.object("name"), "name"))
    state.folders.put(folder)
    state.remember("folder_add", ids=[folder.id])
    return _folder_document(state, folder)
