"""What recipients do after a send: bounces, opens by people and by proxies, clicks, opt-outs, complaints.

Belongs here: chance and time, from the seed, the campaign and the address alone, so that the same send always ends
the same way. Does not: what follows for the member (such as mailup/acts.py).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipelines.sandbox.clock import stamp


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares from 0 to 1, and how long people take.

    hard_bounces, soft_bounces   of all recipients
    never_opens, proxies         of all people, the same ones in every campaign; a proxy opens whatever arrives
    opens                        of the others, in each campaign
    clicks, opt_outs, complaints   of those who opened it themselves
    span_seconds                 the last reaction comes this long after the send
    """

    hard_bounces: float = 0.015
    soft_bounces: float = 0.03
    never_opens: float = 0.2
    proxies: float = 0.3
    opens: float = 0.65
    clicks: float = 0.4
    opt_outs: float = 0.02
    complaints: float = 0.004
    span_seconds: int = 3600


@dataclass(kw_only=True)
class Reactions:
    """What one recipient does with one campaign, also what has yet to happen; "" and empty lists for nothing.

    opens [{at, proxy, ip}]; clicks [{at, link_id, ip}]; `due` [[at, "bounce" | "opt_out" | "complaint"]] has not yet
    changed the recipient.
    """

    bounce: str = ""
    bounced_at: str = ""
    opens: list[dict[str, Any]] = field(default_factory=list)
    clicks: list[dict[str, Any]] = field(default_factory=list)
    opted_out_at: str = ""
    opt_out_reason: str = ""
    complained_at: str = ""
    due: list[list[str]] = field(default_factory=list)


class Dice:
    """Numbers from 0 to 1 that depend on nothing but what they are thrown for."""

    def __init__(self, *about: object) -> None:
        self._about = "|".join(map(str, about))

    def throw(self, question: str) -> float:
        """At least 0 and below 1; the same question gets the same answer."""
        digest = hashlib.blake2b(f"{self._about}|{question}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    def says(self, question: str, share: float) -> bool:
        """Yes, for this share of all."""
        return self.throw(question) < share


class Recipient:
    """One person looking at one campaign; `reasons` are what an opt-out may have, in the provider's words."""

    def __init__(
        self,
        habits: Habits,
        seed: int,
        campaign_id: str,
        email_address: str,
        sent_at: datetime,
        reasons: Sequence[str],
    ) -> None:
        address = email_address.lower()
        self._habits = habits
        self._reasons = reasons
        self._person = Dice(seed, address)
        self._dice = Dice(seed, campaign_id, address)
        self._sent_at = sent_at
        self._ip = f"203.0.113.{1 + int(self._person.throw('ip') * 254)}"

    def receive(self, delivery: Reactions, link_ids: Sequence[str]) -> None:
        """Writes everything this person will do into the delivery, with its moments."""
        habits, dice = self._habits, self._dice
        if dice.says("hard", habits.hard_bounces):
            delivery.bounce = "hard"
        elif dice.says("soft", habits.soft_bounces):
            delivery.bounce = "soft"
        if delivery.bounce:
            delivery.bounced_at = self._after("bounce", longest=600)
            delivery.due += [[delivery.bounced_at, "bounce"]] if delivery.bounce == "hard" else []
            return
        if self._person.says("proxy", habits.proxies):
            delivery.opens.append({"at": self._after("proxy", longest=900), "proxy": True, "ip": "198.51.100.7"})
        if not self._person.says("never", habits.never_opens) and dice.says("open", habits.opens):
            self._read(delivery, link_ids)

    def _read(self, delivery: Reactions, link_ids: Sequence[str]) -> None:
        habits, dice = self._habits, self._dice
        times = 1 + dice.says("again", 0.3) + dice.says("and again", 0.1)
        opened = sorted(self._after(f"open {number}") for number in range(times))
        delivery.opens += [{"at": at, "proxy": False, "ip": self._ip} for at in opened]
        delivery.opens.sort(key=lambda event: str(event["at"]))
        last = opened[0]
        if link_ids and dice.says("click", habits.clicks):
            for number in range(1 + dice.says("click again", 0.25)):
                link_id = link_ids[int(dice.throw(f"link {number}") * len(link_ids))]
                last = self._later(last, f"click {number}")
                delivery.clicks.append({"at": last, "link_id": link_id, "ip": self._ip})
        if dice.says("complaint", habits.complaints):
            delivery.complained_at = self._later(last, "complained")
            delivery.due.append([delivery.complained_at, "complaint"])
        elif dice.says("opt-out", habits.opt_outs):
            delivery.opted_out_at = self._later(last, "opted out")
            delivery.opt_out_reason = self._reasons[int(dice.throw("reason") * len(self._reasons))]
            delivery.due.append([delivery.opted_out_at, "opt_out"])

    def _after(self, question: str, longest: int | None = None) -> str:
        """A moment after the send, rather soon than late."""
        span = min(longest or self._habits.span_seconds, self._habits.span_seconds)
        seconds = 1 + int((span - 1) * self._dice.throw(question) ** 3)
        return stamp(self._sent_at + timedelta(seconds=seconds))

    def _later(self, than: str, question: str) -> str:
        """A moment between this one and the end of the span."""
        start = datetime.fromisoformat(than)
        end = datetime.fromisoformat(stamp(self._sent_at + timedelta(seconds=self._habits.span_seconds)))
        return stamp(start + (end - start) * self._dice.throw(question))
