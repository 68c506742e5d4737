"""The details of a report: who got it, opened, clicked, opted out, complained.

Belongs here: the endpoints below /reports/{campaign_id}. Does not: the sums (totals.py), what people do (people.py).
"""

from collections import Counter
from collections.abc import Iterable

from pipelines.sandbox.mailchimp.links import link
from pipelines.sandbox.mailchimp.lookup import campaign_at
from pipelines.sandbox.mailchimp.member_document import Renderer
from pipelines.sandbox.mailchimp.model import Campaign, Json
from pipelines.sandbox.mailchimp.problems import not_found
from pipelines.sandbox.mailchimp.query import Asked, Window, in_order, page_of
from pipelines.sandbox.mailchimp.state import State, address_hash
from pipelines.sandbox.mailchimp.totals import Totals, View, rate, totals_of, views_of

MAX_EVENTS = 1000
CONTACT_STATUS = {"archived": "deleted", "": "deleted"}


class Person:
    """What every row of a detail tells about its recipient."""

    def __init__(self, state: State, campaign: Campaign) -> None:
        self._members = state.members.of(campaign.list_id)
        self._is_active = state.audiences.get(campaign.list_id) is not None
        self._show = Renderer(state, campaign.list_id).merge_fields

    def who(self, view: View) -> Json:
        """The identity alone."""
        delivery = view.delivery
        return {
            "campaign_id": delivery.campaign_id,
            "list_id": delivery.list_id,
            "list_is_active": self._is_active,
            "email_id": address_hash(delivery.email_address),
            "email_address": delivery.email_address,
        }

    def described(self, view: View) -> Json:
        """The identity, the merge fields and vip."""
        member = self._members.get(view.delivery.contact_id)
        merge_fields = self._show(member) if member else {}
        return self.who(view) | {"merge_fields": merge_fields, "vip": member.vip if member else False}

    def status(self, view: View) -> str:
        """The member's status now, in the words of reports."""
        member = self._members.get(view.delivery.contact_id)
        status = member.status if member else ""
        return CONTACT_STATUS.get(status, status)


def get_email_activity(state: State, asked: Asked) -> Json:
    """GET .../email-activity: every recipient with opens, clicks and bounces, after `since` if given."""
    campaign = campaign_at(state, asked, sent=True)
    person = Person(state, campaign)
    window = Window.since(asked.query, inclusive=state.switches.since_is_inclusive)
    views: Iterable[View] = views_of(state, campaign)
    if window.above and not state.switches.activity_without_events:
        views = [view for view in views if any(window.holds(event["timestamp"]) for event in _activity(campaign, view))]
    views = list(views)
    emails = [
        person.who(view)
        | {
            "activity": [event for event in _activity(campaign, view) if window.holds(event["timestamp"])],
            "_links": [],
        }
        for view in page_of(views, asked.query)
    ]
    return {"emails": emails, "campaign_id": campaign.id, "total_items": len(views), "_links": []}


def _activity(campaign: Campaign, view: View) -> list[Json]:
    opens = [{"action": "open", "timestamp": event["at"], "ip": event["ip"]} for event in view.opens[:MAX_EVENTS]]
    clicks = [
        {"action": "click", "timestamp": event["at"], "url": campaign.links[event["link_id"]], "ip": event["ip"]}
        for event in view.clicks[:MAX_EVENTS]
    ]
    bounces = [{"action": "bounce", "type": view.bounce, "timestamp": view.delivery.bounced_at}] if view.bounce else []
    return sorted(opens + clicks + bounces, key=lambda event: str(event["timestamp"]))


def get_sent_to(state: State, asked: Asked) -> Json:
    """GET .../sent-to: every recipient with sent, hard or soft."""
    campaign = campaign_at(state, asked, sent=True)
    person = Person(state, campaign)
    views = list(views_of(state, campaign))
    rows = [
        person.described(view)
        | {
            "status": view.bounce or "sent",
            "open_count": len(view.opens),
            "last_open": max((event["at"] for event in view.opens), default=""),
            "gmt_offset": 0,
            "_links": [],
        }
        for view in page_of(views, asked.query)
    ]
    return {"sent_to": rows, "campaign_id": campaign.id, "total_items": len(views), "_links": []}


def get_open_details(state: State, asked: Asked) -> Json:
    """GET .../open-details: who opened, with every open and whether a proxy made it."""
    campaign = campaign_at(state, asked, sent=True)
    person = Person(state, campaign)
    window = Window.since(asked.query, inclusive=state.switches.since_is_inclusive)
    opened = ((view, view.opens) for view in views_of(state, campaign) if view.delivery.opens)
    if window.is_closed:
        opened = ((view, [event for event in opens if window.holds(event["at"])]) for view, opens in opened)
    found = [(view, opens) for view, opens in opened if opens]
    ordered = in_order(found, asked.query, {"opens_count": lambda item: len(item[1])})
    rows = [
        person.described(view)
        | {
            "contact_status": person.status(view),
            "opens_count": len(opens),
            "proxy_excluded_opens_count": sum(not event["proxy"] for event in opens),
            "opens": [{"timestamp": event["at"], "is_proxy_open": event["proxy"]} for event in opens],
            "_links": [],
        }
        for view, opens in page_of(ordered, asked.query)
    ]
    return {
        "members": rows,
        "campaign_id": campaign.id,
        "total_opens": sum(len(opens) for _, opens in found),
        "total_proxy_excluded_opens": sum(not event["proxy"] for _, opens in found for event in opens),
        "total_items": len(found),
        "_links": [],
    }


def get_click_details(state: State, asked: Asked) -> Json:
    """GET .../click-details: every link of the content, also those that nobody clicked."""
    campaign = campaign_at(state, asked, sent=True)
    rows = _link_rows(state, campaign)
    keys = {"total_clicks": lambda row: row["total_clicks"], "unique_clicks": lambda row: row["unique_clicks"]}
    ordered = in_order(rows, asked.query, keys)
    return {
        "urls_clicked": page_of(ordered, asked.query),
        "campaign_id": campaign.id,
        "total_items": len(rows),
        "_links": [],
    }


def _link_rows(state: State, campaign: Campaign) -> list[Json]:
    total: Counter[str] = Counter()
    unique: Counter[str] = Counter()
    last: dict[str, str] = {}
    for view in views_of(state, campaign):
        clicks = view.clicks
        total.update(event["link_id"] for event in clicks)
        unique.update({event["link_id"] for event in clicks})
        for event in clicks:
            last[event["link_id"]] = max(event["at"], last.get(event["link_id"], ""))
    return [
        {
            "id": link_id,
            "url": url,
            "total_clicks": total[link_id],
            "click_percentage": rate(total[link_id], total.total()),
            "unique_clicks": unique[link_id],
            "unique_click_percentage": rate(unique[link_id], unique.total()),
            "last_click": last.get(link_id, ""),
            "campaign_id": campaign.id,
            "_links": [link("members", f"/reports/{campaign.id}/click-details/{link_id}/members")],
        }
        for link_id, url in campaign.links.items()
    ]


def get_click_members(state: State, asked: Asked) -> Json:
    """GET .../click-details/{link_id}/members: who clicked on it, and how often."""
    campaign = campaign_at(state, asked, sent=True)
    link_id = asked.params["link_id"]
    if link_id not in campaign.links:
        raise not_found()
    person = Person(state, campaign)
    clicked = ((view, view.clicks) for view in views_of(state, campaign) if view.delivery.clicks)
    counted = ((view, sum(event["link_id"] == link_id for event in clicks)) for view, clicks in clicked)
    counts = [(view, count) for view, count in counted if count]
    rows = [
        person.described(view)
        | {"clicks": count, "contact_status": person.status(view), "url_id": link_id, "_links": []}
        for view, count in page_of(counts, asked.query)
    ]
    return {"members": rows, "campaign_id": campaign.id, "total_items": len(counts), "_links": []}


def get_unsubscribed(state: State, asked: Asked) -> Json:
    """GET .../unsubscribed: who opted out through this campaign."""
    campaign = campaign_at(state, asked, sent=True)
    person = Person(state, campaign)
    views = [view for view in views_of(state, campaign) if view.opted_out]
    rows = [
        person.described(view)
        | {"timestamp": view.delivery.opted_out_at, "reason": view.delivery.opt_out_reason, "_links": []}
        for view in page_of(views, asked.query)
    ]
    return {"unsubscribes": rows, "campaign_id": campaign.id, "total_items": len(views), "_links": []}


def get_domain_performance(state: State, asked: Asked) -> Json:
    """GET .../domain-performance: the five domains with most deliveries; opens and clicks count people."""
    campaign = campaign_at(state, asked, sent=True)
    by_domain: dict[str, list[View]] = {}
    for view in views_of(state, campaign):
        by_domain.setdefault(view.delivery.email_address.rpartition("@")[2].lower(), []).append(view)
    total = totals_of(views_of(state, campaign))
    rows = [_domain_row(domain, totals_of(views), total) for domain, views in by_domain.items()]
    rows.sort(key=lambda row: -row["delivered"])
    return {
        "domains": rows[:5],
        "total_sent": total.sent,
        "campaign_id": campaign.id,
        "total_items": len(rows[:5]),
        "_links": [],
    }


def _domain_row(domain: str, own: Totals, total: Totals) -> Json:
    counts = {
        "emails": (own.sent, total.sent),
        "bounces": (own.hard + own.soft, total.hard + total.soft),
        "opens": (own.unique_opens, total.unique_opens),
        "clicks": (own.clickers, total.clickers),
        "unsubs": (own.opt_outs, total.opt_outs),
    }
    row: Json = {"domain": domain, "emails_sent": own.sent, "delivered": own.delivered}
    row |= {name: part for name, (part, _) in counts.items() if name != "emails"}
    return row | {f"{name}_pct": rate(part, whole) for name, (part, whole) in counts.items()}


def get_abuse_reports(state: State, asked: Asked) -> Json:
    """GET .../abuse-reports: who complained; without pages."""
    campaign = campaign_at(state, asked, sent=True)
    person = Person(state, campaign)
    rows = [
        person.described(view) | {"id": view.delivery.complaint_id, "date": view.delivery.complained_at, "_links": []}
        for view in views_of(state, campaign)
        if view.complained
    ]
    return {"abuse_reports": rows, "campaign_id": campaign.id, "total_items": len(rows), "_links": []}
