"""The account and its audiences.

Belongs here: /, /ping, /lists, /lists/{list_id} but for POST, which adds members (batch.py).
"""

from collections import Counter

from pipelines.sandbox.mailchimp.links import link, links
from pipelines.sandbox.mailchimp.lookup import audience_at
from pipelines.sandbox.mailchimp.model import Audience, Json, MergeField
from pipelines.sandbox.mailchimp.problems import Problem, invalid
from pipelines.sandbox.mailchimp.query import Asked, Window, in_order, is_true, page_of, text_of
from pipelines.sandbox.mailchimp.schema import kind_of
from pipelines.sandbox.mailchimp.state import State

REQUIRED = ("name", "contact", "permission_reminder", "campaign_defaults", "email_type_option")
REQUIRED_INSIDE = {
    "contact": ("company", "address1", "city", "country"),
    "campaign_defaults": ("from_name", "from_email", "subject", "language"),
}
SETTINGS: Json = {
    "contact": {
        "company": "",
        "address1": "",
        "address2": "",
        "city": "",
        "state": "",
        "zip": "",
        "country": "",
        "phone": "",
    },
    "permission_reminder": "",
    "use_archive_bar": True,
    "campaign_defaults": {"from_name": "", "from_email": "", "subject": "", "language": ""},
    "notify_on_subscribe": "",
    "notify_on_unsubscribe": "",
    "email_type_option": False,
    "double_optin": False,
    "marketing_permissions": False,
}
FRESH_FIELDS = (
    ("FNAME", "First Name", "text", {"size": 25}),
    ("LNAME", "Last Name", "text", {"size": 25}),
    ("ADDRESS", "Address", "address", {"default_country": 164}),
    ("PHONE", "Phone Number", "phone", {"phone_format": "none"}),
    ("BIRTHDAY", "Birthday", "birthday", {"date_format": "MM/DD"}),
)


def get_ping(_: State, __: Asked) -> Json:
    """GET /ping."""
    return {"health_status": "Everything's Chimpy!"}


def get_account(state: State, _: Asked) -> Json:
    """GET /: the account that the key opens."""
    account = state.account
    subscribed = sum(
        member.status == "subscribed" for item in state.audiences for member in state.members.of(item.id).values()
    )
    return {
        "account_id": account.account_id,
        "login_id": account.login_id,
        "account_name": account.account_name,
        "email": account.email,
        "first_name": "Sander",
        "last_name": "Bakker",
        "username": account.email,
        "avatar_url": "",
        "role": account.role,
        "member_since": account.member_since,
        "pricing_plan_type": "monthly",
        "first_payment": account.member_since,
        "account_timezone": "Europe/Amsterdam",
        "account_industry": "Non-Profit",
        "contact": {
            "company": account.account_name,
            "addr1": "",
            "addr2": "",
            "city": "",
            "state": "",
            "zip": "",
            "country": "NL",
        },
        "pro_enabled": False,
        "last_login": state.stamp(),
        "total_subscribers": subscribed,
        "industry_stats": {"open_rate": 0.25, "bounce_rate": 0.01, "click_rate": 0.03},
        "_links": [link("self", "/"), link("lists", "/lists"), link("campaigns", "/campaigns")],
    }


def new_audience(state: State, name: str, settings: Json) -> Audience:
    """An audience with the merge fields that every new one has."""
    audience = Audience(
        id=state.new_id("audience"),
        web_id=state.number("audience", 100001),
        name=name,
        date_created=state.stamp(),
        settings={**SETTINGS, **settings},
    )
    state.audiences.put(audience)
    for tag, label, kind, options in FRESH_FIELDS:
        number = state.number(f"merge field {audience.id}")
        field = MergeField(audience.id, number, tag, label, kind, display_order=number + 1, options=dict(options))
        state.fields.put(field)
    state.remember("audience_add", list_id=audience.id)
    return audience


def _stats(state: State, audience: Audience, *, with_total: bool) -> Json:
    members = state.members.of(audience.id)
    since = audience.last_sent
    counts = Counter(member.status for member in members.values())
    recent = Counter(member.status for member in members.values() if member.status_changed > since)
    dates = {
        status: max((item.status_changed for item in members.values() if item.status == status), default="")
        for status in ("subscribed", "unsubscribed")
    }
    return {
        "member_count": counts["subscribed"],
        **({"total_contacts": len(members)} if with_total else {}),
        "unsubscribe_count": counts["unsubscribed"],
        "cleaned_count": counts["cleaned"],
        "member_count_since_send": recent["subscribed"],
        "unsubscribe_count_since_send": recent["unsubscribed"],
        "cleaned_count_since_send": recent["cleaned"],
        "campaign_count": sum(campaign.list_id == audience.id for campaign in state.campaigns),
        "campaign_last_sent": audience.last_sent,
        "merge_field_count": len(state.fields_of(audience.id)),
        "avg_sub_rate": 0,
        "avg_unsub_rate": 0,
        "target_sub_rate": 0,
        "open_rate": 0,
        "click_rate": 0,
        "last_sub_date": dates["subscribed"],
        "last_unsub_date": dates["unsubscribed"],
    }


def audience_document(state: State, audience: Audience, asked: Asked) -> Json:
    """The audience as the API shows it."""
    path = f"/lists/{audience.id}"
    return {
        "id": audience.id,
        "web_id": audience.web_id,
        "name": audience.name,
        **{name: audience.settings[name] for name in SETTINGS},
        "date_created": audience.date_created,
        "list_rating": 0,
        "subscribe_url_short": "",
        "subscribe_url_long": "",
        "beamer_address": "",
        "visibility": "prv",
        "has_welcome": False,
        "modules": [],
        "stats": _stats(state, audience, with_total=is_true(asked.query, "include_total_contacts")),
        "_links": [*links(path, "/lists"), link("members", f"{path}/members")],
    }


def get_audiences(state: State, asked: Asked) -> Json:
    """GET /lists."""
    created = Window.of(asked.query, "date_created", inclusive=state.switches.since_is_inclusive)
    sent = Window.of(asked.query, "campaign_last_sent", inclusive=state.switches.since_is_inclusive)
    address = asked.query.get("email")
    items = [
        item
        for item in state.audiences
        if created.holds(item.date_created)
        and sent.holds(item.last_sent)
        and (not address or state.members.at(item.id, address))
    ]
    ordered = in_order(items, asked.query, {"date_created": lambda item: item.date_created})
    return {
        "lists": [audience_document(state, item, asked) for item in page_of(ordered, asked.query)],
        "total_items": len(items),
        "constraints": {
            "may_create": len(state.audiences) < state.switches.max_audiences,
            "max_instances": state.switches.max_audiences,
            "current_total_instances": len(state.audiences),
        },
        "_links": links("/lists", "/", changes=False),
    }


def post_audience(state: State, asked: Asked) -> Json:
    """POST /lists: a new audience, with everything that Mailchimp demands of one."""
    body = asked.object(*REQUIRED)
    settings = _settings(body, SETTINGS)
    for name, inside in REQUIRED_INSIDE.items():
        for key in inside:
            if not settings[name].get(key):
                raise invalid(f"{name}.{key}", "This value should not be blank.")
    if len(state.audiences) >= state.switches.max_audiences:
        raise Problem(403, "Forbidden", "You have reached the number of audiences that your plan allows.")
    return audience_document(state, new_audience(state, text_of(body, "name"), settings), asked)


def _settings(body: Json, base: Json) -> Json:
    settings = dict(base)
    for name, default in base.items():
        if name not in body:
            continue
        if kind_of(body[name]) != kind_of(default):
            raise invalid(name, f"Schema describes {kind_of(default)}, {kind_of(body[name])} found")
        settings[name] = {**default, **body[name]} if isinstance(default, dict) else body[name]
    return settings


def get_audience(state: State, asked: Asked) -> Json:
    """GET /lists/{list_id}."""
    return audience_document(state, audience_at(state, asked), asked)


def patch_audience(state: State, asked: Asked) -> Json:
    """PATCH /lists/{list_id}: what the body names (assumed: the spec demands all, the API takes some)."""
    audience = audience_at(state, asked)
    body = asked.object()
    name = text_of(body, "name") if "name" in body else audience.name
    audience.settings = _settings(body, audience.settings)
    audience.name = name
    state.audiences.put(audience)
    state.remember("audience_update", list_id=audience.id, fields=sorted(body))
    return audience_document(state, audience, asked)


def delete_audience(state: State, asked: Asked) -> None:
    """DELETE /lists/{list_id}: with its members, fields, groups and tags; reports of sent campaigns stay."""
    audience = audience_at(state, asked)
    for member in list(state.members.of(audience.id).values()):
        state.members.remove(member)
    for field in state.fields_of(audience.id):
        state.fields.remove(field)
    for category in [item for item in state.categories if item.list_id == audience.id]:
        state.categories.remove(category)
    for interest in state.interests_of(audience.id):
        state.interests.remove(interest)
    for segment in state.segments_of(audience.id):
        state.segments.remove(segment)
    state.audiences.remove(audience)
    state.remember("audience_delete", list_id=audience.id)
