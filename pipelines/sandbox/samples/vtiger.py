"""Vtiger, the CRM of an Italian company: organisations, their contacts, and leads, under Vtiger's own field names.

Belongs here: seeded records with the dirt of real life, custom fields. Does not: the imitated CRM (sandbox/vtiger/),
what the sample sync makes of them (data/syncs/vtiger_mailup.yaml).

Custom fields stand under their labels, owners under their names: only the CRM knows their numbers. The same seed and
number give the same records. Of all records 45% are leads, 35% contacts, 20% organisations. Shares of each module,
held by tests/unit/test_samples_vtiger.py:

    email, email1             as in chance.ADDRESS_SHARES: 5% wrong or missing, 6% of a household, 1% in capitals
    secondaryemail, email2    15%: a second address, always a good one (C12)
    emailoptout               5% 1, else 0; of the leads 7%
    country                   86% Italia, 4% San Marino, 4% Svizzera, 6% blank
    Settore di interesse      multi-picklist: 40% none, 40% one, 20% two to three
    Leads: Disiscritto lista  nobody: who leaves one list of several, as it comes back from MailUp
    Leads: leadstatus         16% Hot, 20% Warm, 14% Contacted, 12% Qualified, 18% Cold, 8% Junk Lead, 12% blank
    Contacts: Rapporto        62% Cliente, 14% Fornitore, 14% Ex cliente, 10% blank
              account_id      85% an organisation of the sample
    Accounts: accounttype     50% Customer, 20% Prospect, 12% Partner, 8% Competitor, 10% blank
    one mailbox, two records  4% of the leads have the address of a contact, and half of those object: a lead that
                              was converted loses its objection, which must stay
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.quality.addresses import judge
from pipelines.sandbox.samples import italian
from pipelines.sandbox.samples.chance import Addresses, Chance, slug

INTERESTS = ("Formazione", "Eventi", "Prodotti", "Assistenza")
# Custom fields: module, label, type, values.
VTIGER_FIELDS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Leads", "Settore di interesse", "multipicklist", INTERESTS),
    ("Contacts", "Settore di interesse", "multipicklist", INTERESTS),
    ("Accounts", "Settore di interesse", "multipicklist", INTERESTS),
    ("Leads", "Disiscritto lista", "boolean", ()),
    ("Contacts", "Rapporto", "picklist", ("Cliente", "Fornitore", "Ex cliente")),
)
# Custom views whose conditions the sample sync has in `where`: module, name, where of a query; {} is a custom field.
VTIGER_VIEWS = (
    ("Leads", "Lead caldi Italia", "leadstatus in ('Hot','Warm') and country='Italia'"),
    ("Leads", "Lead qualificati", "leadstatus='Qualified'"),
    ("Contacts", "Clienti attivi", "{Rapporto}='Cliente'"),
    ("Accounts", "Clienti e prospect", "accounttype in ('Customer','Prospect')"),
)
OWNERS = (("Paolo", "Bellini"), ("Carla", "Fabbri"), ("Luca", "Sartori"))
ORGANISATIONS, CONTACTS, LEADS = 11_001, 12_001, 10_001
DEALT: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "Leads": {
        "leadstatus": {
            **{"Hot": 0.16, "Warm": 0.2, "Contacted": 0.14, "Qualified": 0.12, "Cold": 0.18, "Junk Lead": 0.08},
            **{"": 0.12},
        },
        "leadsource": {"Web Site": 0.4, "Trade Show": 0.25, "Word of mouth": 0.2, "": 0.15},
    },
    "Contacts": {"Rapporto": {"Cliente": 0.62, "Fornitore": 0.14, "Ex cliente": 0.14, "": 0.1}},
    "Accounts": {
        "accounttype": {"Customer": 0.5, "Prospect": 0.2, "Partner": 0.12, "Competitor": 0.08, "": 0.1},
    },
}
OF_ALL: Mapping[str, Mapping[str, float]] = {
    "emailoptout": {"1": 0.05, "0": 0.95},
    "country": {"Italia": 0.86, "San Marino": 0.04, "Svizzera": 0.04, "": 0.06},
    "Settore di interesse": {"0": 0.4, "1": 0.4, "2": 0.13, "3": 0.07},
    "second": {"yes": 0.15, "": 0.85},
}

Record = dict[str, Any]


def vtiger_records(people: int = 700, seed: int = 33) -> dict[str, list[Record]]:
    """Records by module, in an order in which they can be made: organisations, contacts, leads."""
    return _Records(people, seed).by_module()


class _Records:
    """One run."""

    def __init__(self, people: int, seed: int) -> None:
        self._chance = Chance(seed)
        self._organisations: list[tuple[str, str, str]] = []
        self._names: set[str] = set()
        self._counts = {"Accounts": round(people * 0.2), "Contacts": round(people * 0.35)}
        self._counts["Leads"] = people - sum(self._counts.values())

    def by_module(self) -> dict[str, list[Record]]:
        accounts = [self._account(*given) for given in self._dealt("Accounts", ORGANISATIONS, "11")]
        contacts = [self._contact(*given) for given in self._dealt("Contacts", CONTACTS, "12")]
        leads = [self._lead(*given) for given in self._dealt("Leads", LEADS, "10")]
        self._share_mailboxes(leads, contacts)
        return {"Accounts": accounts, "Contacts": contacts, "Leads": leads}

    def _dealt(self, module: str, first: int, prefix: str) -> Iterator[tuple[Record, Addresses, bool]]:
        """What chance decides of each record of a module, where its address comes from, and whether it has two."""
        chance, count = self._chance, self._counts[module]
        addresses = Addresses(chance, count, italian.OFFICE_HOSTS)
        dealt = {name: chance.dealt(shares, count) for name, shares in {**OF_ALL, **DEALT[module]}.items()}
        for number in range(count):
            record: Record = {name: values[number] for name, values in dealt.items()}
            has_second = bool(record.pop("second"))
            interests = chance.several(INTERESTS, int(record["Settore di interesse"]))
            changed = f"{chance.moment(4):%Y-%m-%d %H:%M:%S}"
            record |= {
                "id": f"{prefix}x{first + number}",
                "Settore di interesse": " |##| ".join(interests),
                "assigned_user_id": " ".join(chance.dice.choice(OWNERS)),
                "phone": f"+39 000 {chance.dice.randrange(10**6):06d}",  # no Italian number begins with 000
                "createdtime": changed,
                "modifiedtime": changed,
            }
            yield record, addresses, has_second

    def _account(self, record: Record, addresses: Addresses, has_second: bool) -> Record:
        chance = self._chance
        trade, last = chance.dice.choice(italian.TRADES), chance.one(italian.SURNAMES)
        name, tries = f"{trade} {last} {chance.dice.choice(italian.LEGAL_FORMS)}".strip(), 1
        stem = name
        while name.casefold() in self._names:
            tries += 1
            name = f"{stem} ({tries})"
        self._names.add(name.casefold())
        domain = f"{slug(trade)}-{slug(last)}{tries if tries > 1 else ''}.impresa.example"
        self._organisations.append((record["id"], name, domain))
        town, province, postcode = chance.one(italian.TOWNS)
        country = record.pop("country")
        return record | {
            "accountname": name,
            "email1": addresses.next("info", last, domain) or "",
            "email2": chance.unused("amministrazione", domain) if has_second else "",
            "website": f"https://{domain}",
            **{"bill_street": self._street(), "bill_city": town, "bill_state": province, "bill_code": postcode},
            "bill_country": country,
        }

    def _contact(self, record: Record, addresses: Addresses, has_second: bool) -> Record:
        chance = self._chance
        (first, _), last = chance.one(italian.FIRST_NAMES), chance.one(italian.SURNAMES)
        account, _, domain = chance.dice.choice(self._organisations)
        is_at_work = chance.dice.random() < 0.85
        town, province, postcode = chance.one(italian.TOWNS)
        country = record.pop("country")
        return record | {
            "firstname": first,
            "lastname": last,
            "account_id": account if is_at_work else "",
            "email": addresses.next(first, last, domain if is_at_work else "") or "",
            "secondaryemail": self._private(first, last) if has_second else "",
            **{"mailingstreet": self._street(), "mailingcity": town, "mailingstate": province},
            **{"mailingzip": postcode, "mailingcountry": country},
        }

    def _lead(self, record: Record, addresses: Addresses, has_second: bool) -> Record:
        chance = self._chance
        (first, _), last = chance.one(italian.FIRST_NAMES), chance.one(italian.SURNAMES)
        town, province, postcode = chance.one(italian.TOWNS)
        return record | {
            "firstname": first if chance.dice.random() < 0.93 else "",
            "lastname": last,
            "company": f"{chance.dice.choice(italian.TRADES)} {chance.one(italian.SURNAMES)}",
            "email": addresses.next(first, last) or "",
            "secondaryemail": self._private(first, last) if has_second else "",
            **{"lane": self._street(), "city": town, "state": province, "code": postcode},
        }

    def _private(self, first: str, last: str) -> str:
        return self._chance.mailbox(first, last, f"{self._chance.dice.choice(italian.OFFICE_HOSTS)}.example")

    def _street(self) -> str:
        return f"{self._chance.dice.choice(italian.STREETS)} {self._chance.dice.randint(1, 180)}"

    def _share_mailboxes(self, leads: list[Record], contacts: list[Record]) -> None:
        """Some leads became contacts and stayed behind; every second of these said no as a lead."""
        good = [contact for contact in contacts if judge(contact["email"]).is_mailable]
        chosen = self._chance.dice.sample(leads, min(round(len(leads) * 0.04), len(good)))
        for place, lead in enumerate(chosen):
            contact = good[(place * 3 + 1) % len(good)]
            lead |= {"email": contact["email"], "firstname": contact["firstname"], "lastname": contact["lastname"]}
            lead["emailoptout"] = "1" if place % 2 else lead["emailoptout"]
