"""Iteras, the Danish subscription system: customers with their subscriptions, as its API takes and gives them.

Belongs here: seeded people with the dirt of real life. Does not: the imitated API (sandbox/iteras/), what the sample
sync makes of it (data/syncs/iteras_mailchimp.yaml).

The vendor documents no list of data keys but `name`, `email` and custom fields with a colon in front; the others here
are the sample's own. The same seed, number and day give the same customers. Shares, held by
tests/unit/test_samples_iteras.py:

    subscriptions             70% one, 22% two, 5% three, 3% none; some have the same product again
        of each               64% active, 6% ending (stopped, the paid period runs), 27% lapsed, 3% in the future
        product               PUBLICATIONS, and 8% each of those whose runs are switched off: OFF
    name                      one field; 5% an institution; 4% end in a blank
    email                     as in chance.ADDRESS_SHARES: 5% wrong or missing, 6% of a household, 1% in capitals
    billing_email             12%: that of a bookkeeper, never to be mailed (D3)
    password_url              30%: those who have no password yet (D4)
    :Nyhedsmails              90% Ja, 7% Nej, 3% blank: nobody knows
    :Dødsdato                 1.5% a date
    :Ingen henvendelser       2% a reason in somebody's words
"""

from datetime import date, timedelta
from typing import Any

from pipelines.sandbox.samples import danish
from pipelines.sandbox.samples.chance import TODAY, Addresses, Chance

PUBLICATIONS = ("Havnebladet", "Havnebladet digitalt", "Sundhed & Kost", "Kystfiskeren", "Medlemskab")
# By the customer ("Nedlukning af kørsel"), and by Iteras in its back end (A7).
OFF = ("Havnebladet weekend", "Prøvenumre")
PRODUCT_SHARES = {
    **{"Havnebladet": 0.34, "Havnebladet digitalt": 0.2, "Sundhed & Kost": 0.14, "Kystfiskeren": 0.08},
    **{"Medlemskab": 0.08, "Havnebladet weekend": 0.08, "Prøvenumre": 0.08},
}
STATUS_SHARES = {"active": 0.64, "ending": 0.06, "lapsed": 0.27, "future": 0.03}
FIRST_NUMBER = 204001
PRICES = ("29.00", "199.00", "349.00", "695.00")


def iteras_customers(people: int = 600, seed: int = 22, today: date | None = None) -> list[dict[str, Any]]:
    """Customers {id, data, subscriptions}; periods are as of `today`, by default the samples' own."""
    return _Customers(people, seed, today or TODAY.date()).customers()


class _Customers:
    """One run."""

    def __init__(self, people: int, seed: int, today: date) -> None:
        self._people = people
        self._today = today
        self._chance = Chance(seed)
        self._addresses = Addresses(self._chance, people, danish.MAIL_HOSTS)

    def customers(self) -> list[dict[str, Any]]:
        chance, people = self._chance, self._people
        sizes = [int(size) for size in chance.dealt({"1": 0.7, "2": 0.22, "3": 0.05, "0": 0.03}, people)]
        statuses = iter(chance.dealt(STATUS_SHARES, sum(sizes)))
        products = iter(chance.dealt(PRODUCT_SHARES, sum(sizes)))
        institutions = chance.dealt({"institution": 0.05, "": 0.95}, people)
        known = self._known()
        customers = []
        for number in range(people):
            taken = [(next(products), next(statuses)) for _ in range(sizes[number])]
            customers.append(
                {
                    "id": str(FIRST_NUMBER + 3 * number),
                    "data": self._person(bool(institutions[number])) | known[number],
                    "subscriptions": [self._subscription(product, status) for product, status in taken],
                }
            )
        return customers

    def _known(self) -> list[dict[str, Any]]:
        """What is known of each beside name and address; custom fields have a colon."""
        chance, people = self._chance, self._people
        shares: dict[str, dict[str, float]] = {
            ":Nyhedsmails": {"Ja": 0.9, "Nej": 0.07, "": 0.03},
            ":Dødsdato": {"died": 0.015, "": 0.985},
            ":Ingen henvendelser": {"Har bedt om ro": 0.012, "Flyttet til udlandet": 0.008, "": 0.98},
            "billing_email": {"bookkeeper": 0.12, "": 0.88},
            "password_url": {"new": 0.3, "": 0.7},
        }
        dealt = {name: chance.dealt(of, people) for name, of in shares.items()}
        return [self._filled({name: dealt[name][number] for name in dealt}) for number in range(people)]

    def _filled(self, words: dict[str, str]) -> dict[str, Any]:
        chance = self._chance
        host = chance.dice.choice(danish.MAIL_HOSTS)
        if words["billing_email"]:
            words["billing_email"] = chance.unused("bogholderi", f"{host}.example")
        if words["password_url"]:
            words["password_url"] = f"https://havnebladet.example/adgangskode/{chance.dice.randbytes(12).hex()}"
        if words[":Dødsdato"]:
            words[":Dødsdato"] = chance.day(2018, 2026)
        return {name: value or (None if name == "password_url" else "") for name, value in words.items()}

    def _person(self, is_institution: bool) -> dict[str, Any]:
        chance = self._chance
        first, middle, last = (
            chance.one(words) for words in (danish.FIRST_NAMES, danish.MIDDLE_NAMES, danish.SURNAMES)
        )
        name = (
            chance.dice.choice(danish.INSTITUTIONS) if is_institution else " ".join(filter(None, (first, middle, last)))
        )
        postal_code, city = chance.one(danish.TOWNS)
        return {
            "name": f"{name} " if chance.dice.random() < 0.04 else name,
            "email": self._addresses.next(first, last) or "",
            "phone": f"+45 00 {chance.dice.randrange(10**6):06d}",  # no Danish number begins with 00
            "address": f"{chance.dice.choice(danish.STREETS)} {chance.dice.randint(1, 180)}",
            "postal_code": postal_code,
            "city": city,
            "country": "Danmark",
        }

    def _subscription(self, product: str, status: str) -> dict[str, Any]:
        """Paid for year by year; the last period of an active one runs on for some days yet."""
        dice = self._chance.dice
        ends = {
            "lapsed": self._today - timedelta(days=dice.randint(2, 900)),
            "future": self._today + timedelta(days=dice.randint(380, 400)),
        }.get(status, self._today + timedelta(days=dice.randint(60, 364)))
        years = 1 if status == "future" else dice.randint(1, 6)
        last = [
            (ends - timedelta(days=365 * (year + 1) - 1), ends - timedelta(days=365 * year)) for year in range(years)
        ]
        periods = [{"begin": begin.isoformat(), "end": end.isoformat()} for begin, end in reversed(last)]
        stopped = self._today - timedelta(days=dice.randint(1, 50))
        return {
            "product": product,
            "products_received": [product],
            "periods": periods,
            "cancelled": status == "ending",
            "stop_requested": f"{stopped.isoformat()}T09:15:00" if status == "ending" else None,
            "price": dice.choice(PRICES),
        }
