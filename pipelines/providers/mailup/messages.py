"""Statistics: messages, who got them, what they did, which links they clicked.

Belongs here: messages and their statistics as our value objects. Does not: adding up, rates, who is who in the CRM.

MailUp counts by message over all its sendings (I4), and counts without times: opens and clicks have none, opt-outs and
complaints have that of the opt-out. What it has forgotten (recipients are kept for twelve months at most) is not told
as nothing: such a message is left out, and what was read before stays.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, TypeVar

from pipelines import clock
from pipelines.errors import PermanentError
from pipelines.providers.base import Campaign, Event, Link, LinkClick, Send
from pipelines.providers.mailup.client import STATISTICS, Client
from pipelines.providers.mailup.paging import Listing, count, items, read_rows
from pipelines.providers.mailup.reading import Reading
from pipelines.providers.mailup.roster import Consent, list_path, person_id
from pipelines.providers.mailup.values import cause, utc
from pipelines.providers.rows import chunks

PAGE = 1000  # value objects yielded at a time
KEPT = 2  # messages whose links are remembered between `links` and `link_clicks`

Item = Mapping[str, Any]
Bounce = Literal["hard", "soft"]
Row = TypeVar("Row")


class Statistics:
    """Reads the statistics of one account."""

    def __init__(self, client: Client, reading: Reading, *, deliveries_of: int) -> None:
        self._client = client
        self._reading = reading
        self._deliveries_of = deliveries_of
        self._lists: dict[str, str] = {}
        self._details: OrderedDict[str, list[Item]] = OrderedDict()

    # Campaigns

    def campaigns(self, audience_id: str, since: str | None) -> Iterator[Campaign]:
        """Sent messages with their totals, by the time of their last sending; tags are the category (I11).

        None of a list that was deleted: its messages went with it, and what was read of them stays (F10).
        """
        if not self._reading.is_there(audience_id):
            return
        tags = self._tags(audience_id)
        messages = self._messages(audience_id)
        sendings = self._client.in_order(lambda item: self._sendings(audience_id, _message_id(item)), messages)
        sent = [(history[-1][0], item, history) for item, history in zip(messages, sendings, strict=True) if history]
        chosen = [one for one in sent if since is None or one[0] >= since]
        chosen.sort(key=lambda one: (one[0], int(_message_id(one[1]))))
        found = self._client.in_order(lambda one: self._campaign(audience_id, one[1], one[0], tags), chosen)
        for campaign, (_, _, history) in zip(found, chosen, strict=True):
            is_forgotten = not campaign.sent_count and any(recipients for _, recipients in history)
            if not is_forgotten:
                yield campaign

    def _campaign(self, audience_id: str, item: Item, sent_at: str, tags: Mapping[str, str]) -> Campaign:
        campaign_id = _message_id(item)
        sent_count = self._count(campaign_id, "Recipients")
        unique = {kind: count(self._client, _path(campaign_id, kind)) for kind in ("Views", "Clicks")}
        bounces = Counter(self._bounces(campaign_id).values()) if sent_count else Counter()
        objected = Counter(event.event for page in self._objections(campaign_id) for event in page)
        subject = str(item.get("subject") or "")
        return Campaign(
            campaign_id=campaign_id,
            audience_id=audience_id,
            name=str(item.get("notes") or subject),
            subject=subject,
            category=tags.get(campaign_id),
            sent_at=sent_at,
            sent_count=sent_count,
            hard_bounces=bounces["hard"],
            soft_bounces=bounces["soft"],
            opens=self._total(campaign_id, "Views", unique["Views"]),
            unique_opens=unique["Views"],
            proxy_excluded_opens=None,
            proxy_excluded_unique_opens=None,
            clicks=self._total(campaign_id, "Clicks", unique["Clicks"]),
            unique_clicks=unique["Clicks"],
            opt_outs=objected["opt_out"],
            complaints=objected["complaint"],
        )

    def _messages(self, audience_id: str) -> list[Item]:
        found = items(self._client, Listing(f"{list_path(audience_id)}/Emails", _message_id))
        self._lists.update((_message_id(item), audience_id) for item in found)
        return found

    def _tags(self, audience_id: str) -> dict[str, str]:
        """Category by message: the names of its tags. Messages do not tell their tags, but can be asked for by tag."""
        listing = Listing(f"{list_path(audience_id)}/Tags", lambda item: str(item["id"]))
        names = sorted(str(item["name"]) for item in items(self._client, listing))
        of_message: dict[str, list[str]] = {}
        for name in names:
            listing = Listing(f"{list_path(audience_id)}/Emails", _message_id, {"tags": name})
            for item in items(self._client, listing):
                of_message.setdefault(_message_id(item), []).append(name)
        return {message: ", ".join(tags) for message, tags in of_message.items()}

    def _sendings(self, audience_id: str, campaign_id: str) -> list[tuple[str, int]]:
        """Start and recipients of each sending that began, first one first."""
        path = f"{list_path(audience_id)}/Email/{int(campaign_id)}/SendHistory"
        now = clock.text(clock.now())
        starts = [
            (utc(item.get("startdate"), self._client.zone), int(item.get("recipients") or 0))
            for page in read_rows(self._client, path)
            for item in page
        ]
        return sorted((start, recipients) for start, recipients in starts if start and start <= now)

    def _total(self, campaign_id: str, kind: str, people: int) -> int:
        """All opens or clicks. Whether MailUp counts those or people is not documented: the list of people decides."""
        total = self._count(campaign_id, kind) if people else 0
        if total > people:
            return total
        return sum(_times_of(item) for page in self._pages(campaign_id, kind) for item in page) if people else 0

    def _count(self, campaign_id: str, kind: str) -> int:
        return int(self._client.get(f"{STATISTICS}/Message/{int(campaign_id)}/Count/{kind}") or 0)

    # People

    def sends(self, campaign_id: str) -> Iterator[Sequence[Send]]:
        """Recipients, all sendings of the message to one person added up."""
        rows: dict[str, Item] = {}
        often: Counter[str] = Counter()
        for page in self._pages(campaign_id, "Recipients"):
            for item in page:
                rows[person_id(item)] = item
                often[person_id(item)] += 1
        often.update(self._more_often(campaign_id, often))
        bounces = self._bounces(campaign_id) if rows else {}
        yield from _in_pages(
            Send(campaign_id, str(item["email"]), one, often[one], bounces.get(one)) for one, item in rows.items()
        )

    def _more_often(self, campaign_id: str, often: Counter[str]) -> Mapping[str, int]:
        """How many sendings each person got beyond those that the recipients themselves tell."""
        sizes = [recipients for _, recipients in self._sendings(self._list_of(campaign_id), campaign_id)]
        listed = sum(often.values())
        if len(sizes) < 2 or sum(sizes) <= listed:
            return {}
        if set(sizes) == {len(often)}:
            # Either all got all of them, or others got the earlier ones and are forgotten: anybody of them can tell.
            one = min(often, key=int)
            is_to_all = self._deliveries(campaign_id, one) == len(sizes)
            return {one: len(sizes) - times for one, times in often.items()} if is_to_all else {}
        if len(often) > self._deliveries_of:
            return {}
        people = list(often)
        counts = self._client.in_order(lambda one: self._deliveries(campaign_id, one), people)
        return {one: max(0, times - often[one]) for one, times in zip(people, counts, strict=True)}

    def _deliveries(self, campaign_id: str, provider_id: str) -> int:
        path = f"{STATISTICS}/Recipient/{int(provider_id)}/List/Deliveries"
        query = {"filterby": f'"IdMessage=={int(campaign_id)}"'}
        found = items(self._client, Listing(path, _message_id, query, strict=False))
        return sum(int(item.get("count") or 1) for item in found if _message_id(item) == campaign_id)

    def _bounces(self, campaign_id: str) -> dict[str, Bounce]:
        """Hard or soft by person. A kind that MailUp does not tell is soft: nobody is blocked on a guess."""
        found: dict[str, Bounce] = {}
        for page in self._pages(campaign_id, "Bounces"):
            for item in page:
                kind: Bounce = "hard" if _is_hard(item.get("type")) else "soft"
                found[person_id(item)] = "hard" if found.get(person_id(item)) == "hard" else kind
        return found

    # Events

    def events(self, campaign_id: str, since: str | None) -> Iterator[Sequence[Event]]:
        """All opens, clicks and bounces, for they have no time; opt-outs and complaints at or after `since`."""
        yield from self._reactions(campaign_id)
        for page in self._objections(campaign_id):
            yield [one for one in page if since is None or one.happened_at is None or one.happened_at >= since]

    def _reactions(self, campaign_id: str) -> Iterator[Sequence[Event]]:
        for page in self._pages(campaign_id, "Views"):
            yield [one for item in page for one in self._times(campaign_id, item, "open", _times_of(item))]
        clicked: Counter[str] = Counter()
        for item in self._click_details(campaign_id):
            clicked[person_id(item)] += _times_of(item)
        yield from _in_pages(
            event
            for item in self._click_details(campaign_id)
            for event in self._times(campaign_id, item, "click", _times_of(item), str(item.get("url") or "") or None)
        )
        for page in self._pages(campaign_id, "Clicks"):
            yield [
                event
                for item in page
                for event in self._times(campaign_id, item, "click", _times_of(item) - clicked[person_id(item)])
            ]
        for page in self._pages(campaign_id, "Bounces"):
            yield [
                Event(campaign_id, str(item["email"]), person_id(item), "bounce", None, detail=_words(item.get("type")))
                for item in page
            ]

    def _objections(self, campaign_id: str) -> Iterator[Sequence[Event]]:
        left = {one.provider_id: one for one in self._left_by(campaign_id)}
        yield [
            Event(
                campaign_id,
                one.email,
                one.provider_id,
                "complaint" if one.cause and one.cause.is_complaint else "opt_out",
                one.opted_out_at,
                detail=one.cause.reason if one.cause else None,
            )
            for one in left.values()
        ]
        for page in self._pages(campaign_id, "Unsubscriptions"):
            yield [
                Event(campaign_id, str(item["email"]), person_id(item), "opt_out", None)
                for item in page
                if person_id(item) not in left
            ]

    def _left_by(self, campaign_id: str) -> list[Consent]:
        """Those whose opt-out names the message."""
        roster = self._reading.rosters.of(self._list_of(campaign_id))
        return [one for one in roster.by_id.values() if one.message_id == campaign_id and one.status == "unsubscribed"]

    def _times(
        self, campaign_id: str, item: Item, event: Literal["open", "click"], times: int, url: str | None = None
    ) -> list[Event]:
        return [Event(campaign_id, str(item["email"]), person_id(item), event, None, url)] * max(0, times)

    # Links

    def links(self, campaign_id: str) -> list[Link]:
        """All links that were clicked; MailUp's own ones are called Unsubscribe and so on."""
        listing = Listing(_path(campaign_id, "UrlClicks"), lambda item: str(item.get("url")), strict=False)
        people: dict[str, set[str]] = {}
        for item in self._click_details(campaign_id):
            people.setdefault(str(item.get("url")), set()).add(person_id(item))
        clicks: Counter[str] = Counter()
        for item in items(self._client, listing):
            clicks[str(item.get("url"))] += int(item.get("count") or 0)
        return [Link(campaign_id, _link_id(url), url, times, len(people.get(url, ()))) for url, times in clicks.items()]

    def link_clicks(self, campaign_id: str, link_id: str) -> Iterator[Sequence[LinkClick]]:
        """Who clicked one link, how often."""
        clicks: Counter[tuple[str, str]] = Counter()
        for item in self._click_details(campaign_id):
            if _link_id(str(item.get("url"))) == link_id:
                clicks[person_id(item), str(item["email"])] += _times_of(item)
        yield from _in_pages(
            LinkClick(campaign_id, link_id, email, one, times) for (one, email), times in clicks.items()
        )

    def _click_details(self, campaign_id: str) -> list[Item]:
        """Who clicked what, of all links in one reading; remembered, for it is asked for link by link."""
        if campaign_id not in self._details:
            self._details[campaign_id] = [item for page in self._pages(campaign_id, "UrlClickDetails") for item in page]
            while len(self._details) > KEPT:
                self._details.popitem(last=False)
        return self._details[campaign_id]

    def _pages(self, campaign_id: str, kind: str) -> Iterator[list[Item]]:
        return read_rows(self._client, _path(campaign_id, kind))

    def _list_of(self, campaign_id: str) -> str:
        """The list of a message, looked for in all lists where it was not met yet."""
        for audience_id in self._reading.list_ids():
            if campaign_id in self._lists:
                break
            self._messages(audience_id)
        if campaign_id not in self._lists:
            raise PermanentError(
                f"MailUp has no message {campaign_id} any more.",
                where="MailUp",
                do="Nothing: what was read of it before stays as it is.",
            )
        return self._lists[campaign_id]


def _message_id(item: Item) -> str:
    return str(item["idmessage"])


def _path(campaign_id: str, kind: str) -> str:
    return f"{STATISTICS}/Message/{int(campaign_id)}/List/{kind}"


def _times_of(item: Item) -> int:
    return int(item.get("count") or 1)


def _link_id(url: str) -> str:
    """MailUp's links have no id of their own."""
    return sha256(url.encode()).hexdigest()[:16]


def _is_hard(kind: Any) -> bool:
    """Whether a bounce is hard: told by a word, or by the code of an opt-out; code 512 is that of soft ones."""
    text = str(kind or "").strip().lower()
    return "hard" in text or (text.isdigit() and text != "512" and cause(text).status == "bounced")


def _words(kind: Any) -> str | None:
    return str(kind) if kind else None


def _in_pages(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    return chunks(rows, PAGE)
