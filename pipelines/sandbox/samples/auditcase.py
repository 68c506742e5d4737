"""AuditCase, the CRM of Dutch accountants: one SQLite table `persons` in AuditCase's own column names.

Belongs here: seeded people with the dirt of real life. Does not: reading the CRM (crm/sql.py), what the sample sync
makes of it (data/syncs/auditcase_mailchimp.yaml).

The same seed and number give the same file on every machine. Shares of all persons, held by tests/unit/test_samples.py:

    KoppelenMetMailChimp      84% Ja, 12% Nee, 4% blank; 91.5% of each have a good address (2,306 of 3,000 are both)
    ContactEMailRE, CompanyEmailREBT (the first one filled in counts)
        good                  46% contact only, 20.5% both, 25% company only; a good one may be
            shared            8% of all: info@ of a company, for two to five people
            untidy            3% blanks around it or an invisible mark from a text editor
            other case        1% the address of somebody else, in capitals
            international     0.4% a domain beyond ASCII, written in Unicode or as xn--
        none                  4%: null, empty or blanks, in both
        wrong                 4.5%: every kind of MALFORMED alike; a third of them have a good company address behind it
    PersonChristianNameRE     88%; the others have initials only
    CorrespondenceGroupRE     15% none, 45% one, 40% two to four, divided by ';' with and without a blank
    MailingenOntvangen        7% Nee, 8% blank, else Ja
    UitsluitenVoorCorrespondentie  4% Ja, 16% blank, else Nee
    OverledenOp               1.5% a date
    Status                    82% Klant, 8% Suspect, 10% Geen klant meer (former clients, who are still exported)
    PersonType                40% klant-persoon, 60% contactpersoon
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipelines.landing import sql_name
from pipelines.sandbox.samples import dutch
from pipelines.sandbox.samples.chance import UNTIDY, Chance, malformed, slug

AUDITCASE_COLUMNS: Mapping[str, str] = {
    "PersonId": "text primary key",
    "PersonType": "text not null",
    "ClientNumber": "text",
    "GenderRE": "text",
    "PersonInitialsRE": "text",
    "PersonChristianNameRE": "text",
    "PersonNameRE": "text",
    "BirthDateRE": "date",
    "JobTitleRE": "text",
    "CompanyName": "text",
    "ContactEMailRE": "text",
    "CompanyEmailREBT": "text",
    "PhoneRE": "text",
    "StreetRE": "text",
    "PostalCodeRE": "text",
    "CityRE": "text",
    "CorrespondenceGroupRE": "text",
    "KoppelenMetMailChimp": "text",
    "MailingenOntvangen": "text",
    "UitsluitenVoorCorrespondentie": "text",
    "Relatiebeheerder": "text",
    "Status": "text not null",
    "EmployeesBT": "integer",
    "OverledenOp": "date",
    "ChangedAt": "text not null",
}
ADDRESS_KINDS: Mapping[str, float] = {
    **{"contact": 0.416, "untidy": 0.03, "case": 0.01, "international": 0.004},
    **{"both": 0.205, "company": 0.17, "shared": 0.08, "none": 0.04, "wrong": 0.045},
}


@dataclass(frozen=True, slots=True)
class Company:
    """A client of the accountant."""

    number: str
    name: str
    domain: str


def write_auditcase(path: Path, people: int = 3000, seed: int = 11) -> None:
    """Make the database anew at `path`; what was there is replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    columns = ", ".join(f"{sql_name(name)} {kind}" for name, kind in AUDITCASE_COLUMNS.items())
    places = ", ".join(f":{name}" for name in AUDITCASE_COLUMNS)
    with closing(sqlite3.connect(draft)) as database, database:
        database.execute(f"create table persons ({columns})")
        database.executemany(f"insert into persons values ({places})", _Generator(people, seed).persons())
    draft.replace(path)


class _Generator:
    """One run: the dice, the companies, the mailboxes given out so far, and the good addresses among them."""

    def __init__(self, people: int, seed: int) -> None:
        self._people = people
        self._chance = Chance(seed)
        self._dice = self._chance.dice
        self._good: list[str] = []
        self._domains: set[str] = set()
        self._companies = [self._company(number) for number in range(max(1, people // 4))]

    def persons(self) -> list[dict[str, object]]:
        """All records, in the order of their keys."""
        linked = self._chance.dealt({"Ja": 0.84, "Nee": 0.12, "": 0.04}, self._people)
        columns = {
            "KoppelenMetMailChimp": linked,
            "MailingenOntvangen": self._chance.dealt({"Ja": 0.85, "Nee": 0.07, "": 0.08}, self._people),
            "UitsluitenVoorCorrespondentie": self._chance.dealt({"Nee": 0.8, "Ja": 0.04, "": 0.16}, self._people),
            "Status": self._chance.dealt({"Klant": 0.82, "Suspect": 0.08, "Geen klant meer": 0.10}, self._people),
            "PersonType": self._chance.dealt({"klant-persoon": 0.4, "contactpersoon": 0.6}, self._people),
            "OverledenOp": self._deaths(),
            "CorrespondenceGroupRE": [
                self._groups(int(size))
                for size in self._chance.dealt({"0": 0.15, "1": 0.45, "2": 0.22, "3": 0.12, "4": 0.06}, self._people)
            ],
        }
        named = self._chance.dealt({"named": 0.88, "": 0.12}, self._people)
        kinds = self._address_kinds(linked)
        records = []
        for number in range(self._people):
            record = self._person(number, is_named=bool(named[number]))
            record |= {column: values[number] or self._chance.blank() for column, values in columns.items()}
            self._add_company_and_addresses(record, kinds[number])
            records.append(record)
        return records

    def _deaths(self) -> list[str]:
        died = self._chance.dealt({"died": 0.015, "": 0.985}, self._people)
        return [one and self._chance.day(2015, 2026) for one in died]

    def _address_kinds(self, linked: Sequence[str]) -> list[str]:
        """A kind of address for each person, with the same shares among the linked and the others."""
        kinds = [""] * len(linked)
        for flag in sorted(set(linked)):
            places = [place for place, value in enumerate(linked) if value == flag]
            for place, kind in zip(places, self._chance.dealt(ADDRESS_KINDS, len(places)), strict=True):
                kinds[place] = kind
        return self._numbered(kinds)

    def _numbered(self, kinds: list[str]) -> list[str]:
        """Wrong addresses take turns through MALFORMED; those who share a mailbox stand in companies of two to five."""
        wrong, company, room = 0, 0, 0
        for place, kind in enumerate(kinds):
            if kind == "wrong":
                kinds[place] = f"wrong {wrong}"
                wrong += 1
            elif kind == "shared":
                if not room:
                    company, room = company + 1, self._dice.randint(2, 5)
                kinds[place] = f"shared {company}"
                room -= 1
        return kinds

    def _person(self, number: int, *, is_named: bool) -> dict[str, object]:
        dice = self._dice
        first, gender = self._chance.one(dutch.FIRST_NAMES)
        initials = [part[0] for part in first.split("-")] + dice.choices("AEHJMPTW", k=dice.choice((0, 0, 1, 1, 2)))
        changed = self._chance.moment()
        return {
            "PersonId": f"{100 + 7 * number:06d}",
            "GenderRE": gender,
            "PersonInitialsRE": "".join(f"{initial}." for initial in initials),
            "PersonChristianNameRE": first if is_named else self._chance.blank(),
            "PersonNameRE": self._chance.one(dutch.SURNAMES),
            "BirthDateRE": self._chance.day(1935, 2004),
            "PhoneRE": f"06-0{dice.randrange(10**7):07d}",  # no Dutch mobile number begins with 060
            "StreetRE": f"{dice.choice(dutch.STREETS)} {dice.randint(1, 250)}",
            "PostalCodeRE": f"{dice.randint(1000, 9999)} {''.join(dice.choices('ABCDEGHJKLNPRTVWXZ', k=2))}",
            "CityRE": dice.choice(dutch.CITIES),
            "Relatiebeheerder": dice.choice(dutch.MANAGERS),
            "ChangedAt": changed.isoformat(),
        }

    def _add_company_and_addresses(self, record: dict[str, object], kind: str) -> None:
        kind, _, number = kind.partition(" ")
        company = self._companies[int(number) % len(self._companies)] if kind == "shared" else None
        company = company or self._dice.choice(self._companies)
        contact, general = self._addresses(record, kind, int(number or 0), company)
        if kind in ("contact", "both", "company"):
            self._good.append(contact or general)
        is_private = record["PersonType"] == "klant-persoon" and not general
        record |= {
            "ContactEMailRE": contact or self._chance.blank(),
            "CompanyEmailREBT": general or self._chance.blank(),
            "ClientNumber": self._chance.blank() if is_private else company.number,
            "CompanyName": self._chance.blank() if is_private else company.name,
            "JobTitleRE": self._chance.blank() if is_private else self._dice.choice(dutch.JOB_TITLES),
            "EmployeesBT": None if is_private else self._dice.randint(1, 80),
        }

    def _addresses(self, record: dict[str, object], kind: str, number: int, company: Company) -> tuple[str, str]:
        """ContactEMailRE and CompanyEmailREBT; "" for none."""
        host = f"{self._dice.choice(dutch.MAIL_HOSTS)}.example"
        general = f"{self._dice.choice(('info', 'administratie', 'kantoor'))}@{company.domain}"
        match kind:
            case "none":
                return "", ""
            case "shared":
                return "", f"info@{company.domain}"
            case "company":
                return "", self._mailbox(record, company.domain)
            case "both":
                return self._mailbox(record, host), general
            case "untidy":
                return self._dice.choice(UNTIDY).format(self._mailbox(record, host)), ""
            case "case" if self._good:
                return self._dice.choice(self._good).upper(), ""
            case "international":
                name = f"{self._dice.choice(('café', 'bäckerij', 'crèche', 'smørrebrød'))}-{company.domain}"
                domain = self._dice.choice((name, name.encode("idna").decode("ascii")))
                return self._mailbox(record, domain), ""
            case "wrong":
                wrong = malformed(self._mailbox(record, host), number, str(record["PersonNameRE"]))
                return wrong, general if number % 3 == 0 else ""
            case _:
                return self._mailbox(record, self._dice.choice((host, company.domain))), ""

    def _mailbox(self, record: dict[str, object], domain: str) -> str:
        first = str(record["PersonChristianNameRE"] or "").strip() or str(record["PersonInitialsRE"])[0]
        return self._chance.mailbox(first, str(record["PersonNameRE"]), domain)

    def _company(self, number: int) -> Company:
        trade, form = self._dice.choice(dutch.TRADES), self._dice.choice(dutch.LEGAL_FORMS)
        surname = self._chance.one(dutch.SURNAMES)
        name = f"{trade} {surname[0].upper()}{surname[1:]} {form}".strip()
        domain, tries = f"{slug(trade)}-{slug(surname)}", 1
        while domain in self._domains:
            tries += 1
            domain = f"{slug(trade)}-{slug(surname)}{tries}"
        self._domains.add(domain)
        return Company(f"{4200 + number:06d}", name, f"{domain}.example")

    def _groups(self, size: int) -> str:
        drawn = self._chance.several(dutch.CORRESPONDENCE_GROUPS, size)
        return self._dice.choice((";", "; ")).join(drawn)
