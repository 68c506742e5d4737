"""A provider account whose campaigns follow from arithmetic: so many campaigns to so many people, always the same.

Belongs here: answers as value objects, page by page, as a provider's client yields them. Does not: HTTP, measuring.

Of the recipients of each campaign 30% open once or twice, 8% click one of three links, 1% bounce, 0.2% opt out: two
events for every five sends. Opens of every fourth person are a machine's.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pipelines import clock
from pipelines.providers.base import Campaign, DomainTotals, Event, Link, LinkClick, Send
from pipelines.providers.mailchimp.provider import MailchimpProvider

AUDIENCE = "A1"
PAGE = 1000
LINKS = 3
OPENERS, CLICKERS, BOUNCED, LEFT = 0.30, 0.08, 0.01, 0.002
FIRST = datetime(2026, 9, 1, 8, tzinfo=UTC)


class GeneratedAccount:
    """Stands for a provider where statistics are read; `calls` counts the pages, one for each thousand rows."""

    traits = MailchimpProvider.traits

    def __init__(self, campaigns: int, recipients: int) -> None:
        self._campaigns = campaigns
        self._recipients = recipients
        self.calls = 0

    def campaigns(self, audience_id: str, *, since: str | None = None) -> Iterator[Campaign]:
        """All campaigns with the totals of their events."""
        for number in range(self._campaigns):
            people = range(self._recipients)
            opens = [self._opens(number, person) for person in people]
            machine = [count for person, count in enumerate(opens) if person % 4 == 0]
            human = [count for person, count in enumerate(opens) if person % 4]
            clicks = sum(self._clicks(number, person) for person in people)
            bounced = sum(self._bounces(number, person) for person in people)
            yield Campaign(
                campaign_id=f"C{number:03}",
                audience_id=audience_id,
                name=f"Campaign {number}",
                subject=f"News of week {number}",
                category=("News", "Offers", "Events")[number % 3],
                sent_at=clock.text(FIRST + timedelta(hours=12 * number)),
                sent_count=self._recipients,
                hard_bounces=bounced,
                soft_bounces=0,
                opens=sum(opens),
                unique_opens=sum(map(bool, opens)),
                proxy_excluded_opens=sum(opens) - sum(machine),
                proxy_excluded_unique_opens=sum(map(bool, human)),
                clicks=clicks,
                unique_clicks=clicks,
                opt_outs=sum(self._leaves(number, person) for person in people),
                complaints=0,
            )
            self.calls += 1

    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """Everybody got everything."""
        number = int(campaign_id[1:])

        def send(person: int) -> list[Send]:
            bounce: Literal["hard"] | None = "hard" if self._bounces(number, person) else None
            return [Send(campaign_id, _email(person), str(person), 1, bounce)]

        yield from self._pages(send)

    def events(self, campaign_id: str, *, since: str | None = None) -> Iterator[Sequence[Event]]:
        """Opens, clicks, bounces and opt-outs, person by person."""
        number = int(campaign_id[1:])
        sent = FIRST + timedelta(hours=12 * number)

        def acts(person: int) -> list[Event]:
            def act(kind: Any, minutes: int, **more: Any) -> Event:
                moment = clock.text(sent + timedelta(minutes=minutes + person % 600))
                return Event(campaign_id, _email(person), str(person), kind, moment, **more)

            found = [act("open", 5 + 30 * at, is_machine=person % 4 == 0) for at in range(self._opens(number, person))]
            if self._clicks(number, person):
                found.append(act("click", 6, url=_url(number, person % LINKS)))
            if self._bounces(number, person):
                found.append(act("bounce", 1, detail="hard"))
            if self._leaves(number, person):
                found.append(act("opt_out", 50, detail="I get too many"))
            return found

        yield from self._pages(acts)

    def links(self, campaign_id: str) -> Sequence[Link]:
        """Three links, with who clicked which."""
        number = int(campaign_id[1:])
        self.calls += 1
        clicks = [0] * LINKS
        for person in range(self._recipients):
            clicks[person % LINKS] += self._clicks(number, person)
        return [Link(campaign_id, str(at), _url(number, at), count, count) for at, count in enumerate(clicks)]

    def link_clicks(self, campaign_id: str, link_id: str) -> Iterator[Sequence[LinkClick]]:
        """Each of a link's people once."""
        number = int(campaign_id[1:])

        def click(person: int) -> list[LinkClick]:
            is_theirs = person % LINKS == int(link_id) and self._clicks(number, person)
            return [LinkClick(campaign_id, link_id, _email(person), str(person), 1)] if is_theirs else []

        yield from self._pages(click)

    def domains(self, campaign_id: str) -> Sequence[DomainTotals]:
        """None: the marts count them."""
        self.calls += 1
        return ()

    def _pages(self, rows_of: Any) -> Iterator[list[Any]]:
        page: list[Any] = []
        for person in range(self._recipients):
            page += rows_of(person)
            if len(page) >= PAGE:
                self.calls += 1
                yield page
                page = []
        self.calls += 1
        yield page

    def _draw(self, number: int, person: int, salt: int) -> float:
        """From 0 to 1, the same for the same campaign and person."""
        return (person * 2654435761 + number * 40503 + salt * 97561) % 1_000_003 / 1_000_003

    def _opens(self, number: int, person: int) -> int:
        drawn = self._draw(number, person, 1)
        return 0 if self._bounces(number, person) or drawn > OPENERS else 1 + (drawn < OPENERS / 20)

    def _clicks(self, number: int, person: int) -> int:
        return int(self._draw(number, person, 1) < CLICKERS and not self._bounces(number, person))

    def _bounces(self, number: int, person: int) -> int:
        return int(self._draw(number, person, 2) < BOUNCED)

    def _leaves(self, number: int, person: int) -> int:
        return int(self._draw(number, person, 3) < LEFT)


def _email(person: int) -> str:
    return f"person{person}@people{person % 200}.example"


def _url(number: int, link: int) -> str:
    return f"https://shop.example/{number}/{link}"
