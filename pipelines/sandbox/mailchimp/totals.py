"""What the deliveries of a campaign add up to, at one moment.

Belongs here: which events have happened by now, and their sums. Does not: the documents of reports (reports.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.sandbox.mailchimp.model import Campaign, Delivery, Json
from pipelines.sandbox.mailchimp.state import State


@dataclass(frozen=True, slots=True)
class View:
    """What one delivery shows at one moment: only events that have happened."""

    delivery: Delivery
    now: str

    @property
    def bounce(self) -> str:
        """hard, soft or ""."""
        return self.delivery.bounce if self._past(self.delivery.bounced_at) else ""

    @property
    def opens(self) -> list[Json]:
        """Opens, oldest first."""
        return self._events(self.delivery.opens)

    @property
    def clicks(self) -> list[Json]:
        """Clicks, oldest first."""
        return self._events(self.delivery.clicks)

    @property
    def opted_out(self) -> bool:
        """Whether this campaign made the person opt out."""
        return self._past(self.delivery.opted_out_at)

    @property
    def complained(self) -> bool:
        """Whether the person reported it as abuse."""
        return self._past(self.delivery.complained_at)

    def _events(self, events: list[Json]) -> list[Json]:
        if not events or events[-1]["at"] <= self.now:  # they are in order, and mostly all in the past
            return events
        return [event for event in events if event["at"] <= self.now]

    def _past(self, at: str) -> bool:
        return bool(at) and at <= self.now


def views_of(state: State, campaign: Campaign, *, with_erased: bool = False) -> Iterator[View]:
    """One per recipient, in the order of sending."""
    now = state.stamp()
    for delivery in state.deliveries.of(campaign.id).values():
        if with_erased or not delivery.erased:
            yield View(delivery, now)


def rate(part: int, whole: int) -> float:
    """A share from 0 to 1; 0 of nothing."""
    return round(part / whole, 6) if whole else 0


@dataclass
class Totals:
    """Sums over the deliveries of one campaign."""

    sent: int = 0
    hard: int = 0
    soft: int = 0
    opens: int = 0
    unique_opens: int = 0
    human_opens: int = 0
    unique_human_opens: int = 0
    clicks: int = 0
    unique_clicks: int = 0
    clickers: int = 0
    opt_outs: int = 0
    complaints: int = 0
    last_open: str = ""
    last_click: str = ""

    def add(self, view: View) -> None:
        """Counts one delivery."""
        opens, clicks = view.opens, view.clicks
        human = sum(not event["proxy"] for event in opens)
        self.sent += 1
        self.hard += view.bounce == "hard"
        self.soft += view.bounce == "soft"
        self.opens += len(opens)
        self.unique_opens += bool(opens)
        self.human_opens += human
        self.unique_human_opens += bool(human)
        self.clicks += len(clicks)
        self.unique_clicks += len({event["link_id"] for event in clicks})
        self.clickers += bool(clicks)
        self.opt_outs += view.opted_out
        self.complaints += view.complained
        self.last_open = max([self.last_open, *(event["at"] for event in opens)])
        self.last_click = max([self.last_click, *(event["at"] for event in clicks)])

    @property
    def delivered(self) -> int:
        """Sent and not bounced."""
        return self.sent - self.hard - self.soft


def totals_of(views: Iterable[View]) -> Totals:
    """The sums over these deliveries."""
    totals = Totals()
    for view in views:
        totals.add(view)
    return totals


def summary_of(state: State, campaign: Campaign) -> Json:
    """The `report_summary` of a sent campaign."""
    totals = totals_of(views_of(state, campaign, with_erased=True))
    return {
        "opens": totals.opens,
        "unique_opens": totals.unique_opens,
        "open_rate": rate(totals.unique_opens, totals.delivered),
        "clicks": totals.clicks,
        "subscriber_clicks": totals.clickers,
        "click_rate": rate(totals.clickers, totals.delivered),
        "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0},
    }
