"""Reports of sent campaigns as a whole.

Belongs here: /reports and /reports/{campaign_id}. Does not: who did what (report_details.py), the sums (totals.py).
Totals keep what a permanently deleted member did; the details lack it, as in Mailchimp.
"""

from collections import Counter
from datetime import datetime, timedelta

from pipelines.sandbox.clock import stamp
from pipelines.sandbox.mailchimp.links import link, links
from pipelines.sandbox.mailchimp.lookup import campaign_at
from pipelines.sandbox.mailchimp.model import Campaign, Json
from pipelines.sandbox.mailchimp.query import Asked, Window, choice, page_of
from pipelines.sandbox.mailchimp.state import State
from pipelines.sandbox.mailchimp.totals import View, rate, totals_of, views_of

TYPES = ("regular", "plaintext", "absplit", "rss", "variate")


def report_document(state: State, campaign: Campaign) -> Json:
    """The report as the API shows it."""
    views = list(views_of(state, campaign, with_erased=True))
    totals = totals_of(views)
    audience = state.audiences.get(campaign.list_id)
    path = f"/reports/{campaign.id}"
    details = ("email-activity", "sent-to", "open-details", "click-details", "unsubscribed", "domain-performance")
    return {
        "id": campaign.id,
        "campaign_title": campaign.settings["title"],
        "type": campaign.type,
        "list_id": campaign.list_id,
        "list_is_active": audience is not None,
        "list_name": audience.name if audience else campaign.list_name,
        "subject_line": campaign.settings["subject_line"],
        "preview_text": campaign.settings["preview_text"],
        "emails_sent": totals.sent,
        "abuse_reports": totals.complaints,
        "unsubscribed": totals.opt_outs,
        "send_time": campaign.send_time,
        "bounces": {"hard_bounces": totals.hard, "soft_bounces": totals.soft, "syntax_errors": 0},
        "forwards": {"forwards_count": 0, "forwards_opens": 0},
        "opens": {
            "opens_total": totals.opens,
            "proxy_excluded_opens": totals.human_opens,
            "unique_opens": totals.unique_opens,
            "proxy_excluded_unique_opens": totals.unique_human_opens,
            "open_rate": rate(totals.unique_opens, totals.delivered),
            "proxy_excluded_open_rate": rate(totals.unique_human_opens, totals.delivered),
            "last_open": totals.last_open,
        },
        "clicks": {
            "clicks_total": totals.clicks,
            "unique_clicks": totals.unique_clicks,
            "unique_subscriber_clicks": totals.clickers,
            "click_rate": rate(totals.unique_clicks, totals.delivered),
            "last_click": totals.last_click,
        },
        "facebook_likes": {"recipient_likes": 0, "unique_likes": 0, "facebook_likes": 0},
        "list_stats": {"sub_rate": 0, "unsub_rate": 0, "open_rate": 0, "proxy_excluded_open_rate": 0, "click_rate": 0},
        "timeseries": _timeseries(campaign, views),
        "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0, "currency_code": "EUR"},
        "delivery_status": {"enabled": False},
        "_links": [*links(path, "/reports", changes=False), *(link(name, f"{path}/{name}") for name in details)],
    }


def _timeseries(campaign: Campaign, views: list[View]) -> list[Json]:
    """The first 24 hours, hour by hour; every person counts in the hour of the first open and the first click."""
    start = datetime.fromisoformat(campaign.send_time).replace(minute=0, second=0)
    hours = [stamp(start + timedelta(hours=number)) for number in range(24)]
    firsts: dict[str, Counter[str]] = {"opens": Counter(), "human": Counter(), "clicks": Counter()}
    for view in views:
        opens = [event["at"] for event in view.opens]
        human = [event["at"] for event in view.opens if not event["proxy"]]
        clicks = [event["at"] for event in view.clicks]
        for name, moments in (("opens", opens), ("human", human), ("clicks", clicks)):
            firsts[name].update(f"{at[:13]}:00:00+00:00" for at in moments[:1])
    return [
        {
            "timestamp": hour,
            "emails_sent": len(views) if hour == hours[0] else 0,
            "unique_opens": firsts["opens"][hour],
            "proxy_excluded_unique_opens": firsts["human"][hour],
            "recipients_clicks": firsts["clicks"][hour],
        }
        for hour in hours
    ]


def get_reports(state: State, asked: Asked) -> Json:
    """GET /reports: one for each sent campaign."""
    sent = Window.of(asked.query, "send_time", inclusive=state.switches.since_is_inclusive)
    kind = choice(asked.query, "type", TYPES)
    items = [item for item in state.campaigns if item.status == "sent" and sent.holds(item.send_time)]
    items = [item for item in items if kind in (None, item.type)]
    return {
        "reports": [report_document(state, item) for item in page_of(items, asked.query)],
        "total_items": len(items),
        "_links": links("/reports", "/", changes=False),
    }


def get_report(state: State, asked: Asked) -> Json:
    """GET /reports/{campaign_id}."""
    return report_document(state, campaign_at(state, asked, sent=True))
