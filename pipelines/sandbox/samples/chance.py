"""Chance for sample people: seeded, kept to shares, with the dirt that addresses have in real life.

Belongs here: dealing values by quota, drawing words, mailboxes and what goes wrong with them. Does not: names of a
language (dutch.py, danish.py, italian.py, swedish.py), columns of a CRM (its own module).
"""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

Word = TypeVar("Word")

TODAY = datetime(2026, 11, 20, 18, 0)
BLANKS = (None, None, "", "  ")
# From a good address to one of each kind of wrong ones.
MALFORMED: tuple[str, ...] = (
    "{local}.{domain}",
    "{local}@@{domain}",
    "{local}@{host}@{domain}",
    "{local} @{domain}",
    "{local}@{host} .example",
    "{local}@{domain}.",
    "{local}@{host},example",
    "n.v.t.",
    "{local}@{domain}; info@{domain}",
    "{local}@{domain} / prive@{domain}",
    "mailto:{local}@{domain}",
    "{name} <{local}@{domain}>",
    "{local}@{host}",
    "{local}..x@{domain}",
)
BLANKS_AROUND = (" {}", "{} ", "\t{}", "{}\xa0")
UNTIDY = (*BLANKS_AROUND, "\u200b{}", "\ufeff{}")
ADDRESS_SHARES: Mapping[str, float] = {
    **{"good": 0.856, "shared": 0.06, "untidy": 0.02, "case": 0.01, "international": 0.004},
    **{"none": 0.03, "wrong": 0.02},
}
# Letters that do not fall apart into a Latin one and an accent: dotless i, slashed o, ae.
LETTERS = {0x131: "i", 0xF8: "o", 0xE6: "ae"}


class Chance:
    """The dice of one run, and the mailboxes given out so far: the same seed and calls give the same people."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311  chance for samples, not for secrets
        self._mailboxes: set[str] = set()

    def dealt(self, shares: Mapping[str, float], count: int) -> list[str]:
        """`count` values in random order, each as often as its share says: quotas, not luck."""
        bounds = [round(sum(list(shares.values())[:place]) * count) for place in range(len(shares) + 1)]
        dealt = [value for place, value in enumerate(shares) for _ in range(bounds[place + 1] - bounds[place])]
        self.dice.shuffle(dealt)
        return dealt

    def one(self, words: Sequence[Word]) -> Word:
        """A word, the first ones more often, roughly as names are."""
        return self.dice.choices(words, weights(words))[0]

    def several(self, words: Sequence[str], size: int) -> list[str]:
        """Different words, in the order in which they were drawn."""
        drawn: dict[str, None] = {}
        while len(drawn) < size:
            drawn[self.one(words)] = None
        return list(drawn)

    def blank(self) -> str | None:
        """One of the ways in which a cell is empty."""
        return self.dice.choice(BLANKS)

    def day(self, first_year: int, last_year: int) -> str:
        """A day of these years, not after TODAY."""
        start = date(first_year, 1, 1)
        days = (min(date(last_year, 12, 31), TODAY.date()) - start).days
        return (start + timedelta(days=self.dice.randint(0, days))).isoformat()

    def moment(self, years: int = 6) -> datetime:
        """A second of the years before TODAY."""
        return TODAY - timedelta(seconds=self.dice.randrange(years * 365 * 24 * 3600))

    def mailbox(self, first: str, last: str, domain: str) -> str:
        """A new address for a person: first name or initial and surname, with a number where that is taken."""
        first, last = slug(first), slug(last)
        local = self.dice.choice((f"{first}.{last}", f"{first}.{last}", f"{first[0]}.{last}", f"{first}{last}"))
        return self.unused(local, domain)

    def unused(self, local: str, domain: str) -> str:
        """`local`@`domain`, with a number where that is taken."""
        address, tries = f"{local}@{domain}", 1
        while address in self._mailboxes:
            tries += 1
            address = f"{local}{tries}@{domain}"
        self._mailboxes.add(address)
        return address


class Addresses:
    """Addresses for `count` people, one call each, good and bad ones as often as `shares` say.

    A shared one serves a household of two to four; `untidy` is what stands around an address that is right.
    """

    def __init__(
        self,
        chance: Chance,
        count: int,
        hosts: Sequence[str],
        *,
        shares: Mapping[str, float] = ADDRESS_SHARES,
        untidy: Sequence[str] = UNTIDY,
    ) -> None:
        self._chance = chance
        self._hosts = hosts
        self._untidy = untidy
        self._kinds = iter(chance.dealt(shares, count))
        self._good: list[str] = []
        self._household = ""
        self._room = 0
        self._wrong = 0

    def next(self, first: str, last: str, domain: str = "") -> str | None:
        """The address of the next person as somebody typed it; None, "" or blanks for none.

        `domain` is that of a company; left out, the person is with one of the hosts.
        """
        chance, domain = self._chance, domain or f"{self._chance.dice.choice(self._hosts)}.example"
        match next(self._kinds):
            case "none":
                return chance.blank()
            case "shared":
                return self._of_household(last, domain)
            case "untidy":
                return chance.dice.choice(self._untidy).format(chance.mailbox(first, last, domain))
            case "case" if self._good:
                return chance.dice.choice(self._good).upper()
            case "international":
                name = f"{chance.dice.choice(('café', 'bäckerij', 'crème', 'smørrebrød'))}-{domain}"
                domain = chance.dice.choice((name, name.encode("idna").decode("ascii")))
                return chance.mailbox(first, last, domain)
            case "wrong":
                self._wrong += 1
                return malformed(chance.mailbox(first, last, domain), self._wrong - 1, last)
            case _:
                self._good.append(chance.mailbox(first, last, domain))
                return self._good[-1]

    def _of_household(self, last: str, domain: str) -> str:
        if not self._room:
            self._household = self._chance.unused(slug(last), domain)
            self._room = self._chance.dice.randint(2, 4)
        self._room -= 1
        return self._household


def malformed(address: str, number: int, name: str) -> str:
    """The good address spoilt in the way of that number; the ways take turns."""
    local, _, domain = address.partition("@")
    words = {"local": local, "domain": domain, "host": domain.removesuffix(".example")}
    return MALFORMED[number % len(MALFORMED)].format(**words, name=name)


def weights(words: Sequence[object]) -> list[float]:
    """Weights that fall with the place in the list, roughly as names do."""
    return [1 / (place + 6) for place in range(len(words))]


def slug(text: str) -> str:
    """Lower-case ASCII letters, digits and hyphens: Café Özcan is cafeozcan; so are dotless i and slashed o."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(LETTERS))
    return "".join(sign for sign in plain if sign.isascii() and (sign.isalnum() or sign == "-"))
