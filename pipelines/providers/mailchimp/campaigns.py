"""Statistics: campaigns, who got them, what they did, which links they clicked.

Belongs here: reports and their documents as our value objects. Does not: adding up, rates, who is who in the CRM.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from pipelines.http.client import RefusedError
from pipelines.providers.base import Campaign, DomainTotals, Event, Link, LinkClick, Send
from pipelines.providers.mailchimp.client import Client
from pipelines.providers.mailchimp.paging import Listing, read, trim
from pipelines.providers.mailchimp.values import just_before, utc

Item = Mapping[str, Any]
Query = Mapping[str, str | int]

REPORT_FIELDS = (
    "id", "list_id", "campaign_title", "subject_line", "send_time", "emails_sent", "abuse_reports", "unsubscribed",
    "bounces", "opens", "clicks",
)  # fmt: skip
CAMPAIGN_FIELDS = ("id", "send_time", "settings.title", "settings.subject_line", "settings.folder_id")
BOUNCES: Mapping[str, Literal["hard", "soft"]] = {"hard": "hard", "soft": "soft"}


class Statistics:
    """Reads the reports of one account."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def campaigns(self, audience_id: str, since: str | None) -> Iterator[Campaign]:
        """Sent campaigns with their totals; the category is the name of the folder."""
        folders = self._folders()
        window: dict[str, str | int] = {"since_send_time": just_before(since)} if since else {}
        reports = self._reports(audience_id, window)
        query = {
            **window,
            "list_id": audience_id,
            "status": "sent",
            "sort_field": "send_time",
            "sort_dir": "ASC",
            "fields": trim("campaigns", CAMPAIGN_FIELDS),
        }
        for page in self._read("/campaigns", "campaigns", "id", query):
            for item in page:
                campaign_id = str(item["id"])
                report = reports.get(campaign_id) or self._report(campaign_id)
                yield _campaign(audience_id, item, report, folders)

    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """Recipients; Mailchimp sends a campaign to each address once."""
        query = {"fields": trim("sent_to", ("email_id", "email_address", "status"))}
        for page in self._read(f"{_report_path(campaign_id)}/sent-to", "sent_to", "email_id", query):
            yield [
                Send(campaign_id, str(item["email_address"]), str(item["email_id"]), 1, BOUNCES.get(item["status"]))
                for item in page
            ]

    def events(self, campaign_id: str, since: str | None) -> Iterator[Sequence[Event]]:
        """Opens, clicks and bounces, then opt-outs, then complaints."""
        window: dict[str, str | int] = {"since": just_before(since)} if since else {}
        machine = self._machine_opens(campaign_id, window)
        path = _report_path(campaign_id)
        query = {**window, "fields": trim("emails", ("email_id", "email_address", "activity"))}
        for page in self._read(f"{path}/email-activity", "emails", "email_id", query):
            yield _recent((event for item in page for event in _activity(campaign_id, item, machine)), since)
        query = {"fields": trim("unsubscribes", ("email_id", "email_address", "reason", "timestamp"))}
        for page in self._read(f"{path}/unsubscribed", "unsubscribes", "email_id", query):
            yield _recent(
                (_event(campaign_id, item, "opt_out", item["timestamp"], item["reason"]) for item in page), since
            )
        yield _recent(self._complaints(campaign_id), since)

    def links(self, campaign_id: str) -> list[Link]:
        """All tracked links with Mailchimp's totals."""
        names = ("id", "url", "total_clicks", "unique_clicks")
        query = {"fields": trim("urls_clicked", names)}
        pages = self._read(f"{_report_path(campaign_id)}/click-details", "urls_clicked", "id", query)
        return [
            Link(campaign_id, str(item["id"]), str(item["url"]), int(item["total_clicks"]), int(item["unique_clicks"]))
            for page in pages
            for item in page
        ]

    def link_clicks(self, campaign_id: str, link_id: str) -> Iterator[Sequence[LinkClick]]:
        """Who clicked one link, how often."""
        path = f"{_report_path(campaign_id)}/click-details/{quote(link_id, safe='')}/members"
        query = {"fields": trim("members", ("email_id", "email_address", "clicks"))}
        for page in self._read(path, "members", "email_id", query):
            yield [
                LinkClick(campaign_id, link_id, str(item["email_address"]), str(item["email_id"]), int(item["clicks"]))
                for item in page
            ]

    def domains(self, campaign_id: str) -> list[DomainTotals]:
        """The five domains with most deliveries; not paged."""
        names = ("domain", "emails_sent", "delivered", "bounces", "opens", "clicks", "unsubs")
        body = self._client.get(f"{_report_path(campaign_id)}/domain-performance", {"fields": trim("domains", names)})
        return [
            DomainTotals(campaign_id, str(item["domain"]).lower(), *(int(item.get(name) or 0) for name in names[1:]))
            for item in body.get("domains") or ()
        ]

    def _read(self, path: str, key: str, identity: str, query: Query) -> Iterator[list[Item]]:
        return read(self._client, Listing(path, key, lambda item: str(item[identity]), query))

    def _folders(self) -> dict[str, str]:
        pages = self._read("/campaign-folders", "folders", "id", {"fields": trim("folders", ("id", "name"))})
        return {str(item["id"]): str(item["name"]) for page in pages for item in page}

    def _reports(self, audience_id: str, window: Query) -> dict[str, Item]:
        # Reports can't be filtered by audience, but a thousand come in one call.
        pages = self._read("/reports", "reports", "id", {**window, "fields": trim("reports", REPORT_FIELDS)})
        return {str(item["id"]): item for page in pages for item in page if item.get("list_id") == audience_id}

    def _report(self, campaign_id: str) -> Item:
        try:
            return self._client.get(_report_path(campaign_id), {"fields": ",".join(REPORT_FIELDS)})
        except RefusedError as error:
            if error.status != 404:
                raise
            return {}  # sent a moment ago: its report is not there yet

    def _machine_opens(self, campaign_id: str, window: Query) -> Counter[tuple[str, str]]:
        """How many opens of a member at a time were a mail privacy proxy's; a person may open in the same second."""
        query = {**window, "fields": trim("members", ("email_id", "opens"))}
        pages = self._read(f"{_report_path(campaign_id)}/open-details", "members", "email_id", query)
        return Counter(
            (str(item["email_id"]), utc(opened["timestamp"]) or "")
            for page in pages
            for item in page
            for opened in item.get("opens") or ()
            if opened.get("is_proxy_open")
        )

    def _complaints(self, campaign_id: str) -> Iterator[Event]:
        # Not paged: the whole comes in one answer.
        body = self._client.get(
            f"{_report_path(campaign_id)}/abuse-reports",
            {"fields": trim("abuse_reports", ("email_id", "email_address", "date"))},
        )
        for item in body.get("abuse_reports") or ():
            yield _event(campaign_id, item, "complaint", item["date"])


def _campaign(audience_id: str, item: Item, report: Item, folders: Mapping[str, str]) -> Campaign:
    settings = item.get("settings") or {}
    opens, clicks, bounces = report.get("opens") or {}, report.get("clicks") or {}, report.get("bounces") or {}
    return Campaign(
        campaign_id=str(item["id"]),
        audience_id=audience_id,
        name=str(settings.get("title") or report.get("campaign_title") or ""),
        # A test of several subjects has none in its settings.
        subject=str(settings.get("subject_line") or report.get("subject_line") or ""),
        category=folders.get(str(settings.get("folder_id") or "")),
        sent_at=utc(report.get("send_time") or item.get("send_time")),
        sent_count=int(report.get("emails_sent") or 0),
        hard_bounces=int(bounces.get("hard_bounces") or 0),
        soft_bounces=int(bounces.get("soft_bounces") or 0),
        opens=int(opens.get("opens_total") or 0),
        unique_opens=int(opens.get("unique_opens") or 0),
        proxy_excluded_opens=_optional(opens.get("proxy_excluded_opens")),
        proxy_excluded_unique_opens=_optional(opens.get("proxy_excluded_unique_opens")),
        clicks=int(clicks.get("clicks_total") or 0),
        # People who clicked. `unique_clicks` counts people per link, so that one person may count several times.
        unique_clicks=int(clicks.get("unique_subscriber_clicks", clicks.get("unique_clicks")) or 0),
        opt_outs=int(report.get("unsubscribed") or 0),
        complaints=int(report.get("abuse_reports") or 0),
    )


def _activity(campaign_id: str, item: Item, machine: Counter[tuple[str, str]]) -> Iterator[Event]:
    """The events of one member; takes the machine opens among them off `machine`."""
    for entry in item.get("activity") or ():
        kind: Literal["open", "click", "bounce"] = entry["action"]
        if kind not in ("open", "click", "bounce"):
            continue
        happened_at = utc(entry["timestamp"]) or ""
        key = (str(item["email_id"]), happened_at)
        is_machine = kind == "open" and machine[key] > 0
        if is_machine:
            machine[key] -= 1
        yield Event(
            campaign_id=campaign_id,
            email=str(item["email_address"]),
            provider_id=str(item["email_id"]),
            event=kind,
            happened_at=happened_at,
            url=entry.get("url") if kind == "click" else None,
            is_machine=is_machine,
            detail=entry.get("type") if kind == "bounce" else None,
        )


def _event(
    campaign_id: str, item: Item, event: Literal["opt_out", "complaint"], time: str, detail: str | None = None
) -> Event:
    return Event(
        campaign_id=campaign_id,
        email=str(item["email_address"]),
        provider_id=str(item["email_id"]),
        event=event,
        happened_at=utc(time) or "",
        detail=detail or None,
    )


def _recent(events: Iterator[Event], since: str | None) -> list[Event]:
    """Events at or after `since`; not every report can be asked for a window."""
    start = utc(since) or ""
    return [event for event in events if (event.happened_at or "") >= start]


def _report_path(campaign_id: str) -> str:
    return f"/reports/{quote(campaign_id, safe='')}"


def _optional(value: Any) -> int | None:
    return None if value is None else int(value)
