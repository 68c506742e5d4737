"""AuditCase, the CRM of Dutch accountants: one SQLite table `persons` in AuditCase's own column names.

Belongs here: seeded people with the dirt of real life, and editing one of them for a rehearsal. Does not: reading the
CRM (crm/sql.py), what the sample sync makes of it (data/syncs/auditcase_mailchimp.yaml).

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

import random
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.landing import sql_name
from pipelines.sandbox.samples import dutch

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
BLANKS = (None, None, "", "  ")
TODAY = datetime(2026, 11, 20, 18, 0)


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


def edit_auditcase(path: Path, person_id: str, **columns: str | int | None) -> None:
    """Set columns of one person, as somebody at the accountant's would. ChangedAt moves only if it is named."""
    unknown = sorted(set(columns) - set(AUDITCASE_COLUMNS))
    if unknown or not columns:
        raise ConfigError(
            f"There is no column {', '.join(unknown)}." if unknown else "No column is named.",
            where=path.name,
            do=f"Choose from: {', '.join(AUDITCASE_COLUMNS)}.",
        )
    if not path.is_file():
        raise ConfigError("There is no such database.", where=str(path), do="Make it with `enlist demo`.")
    settings = ", ".join(f"{sql_name(name)} = :{name}" for name in columns)
    with closing(sqlite3.connect(path)) as database, database:
        done = database.execute(f"update persons set {settings} where PersonId = :_id", {**columns, "_id": person_id})
        if done.rowcount != 1:
            raise ConfigError(f"There is no person {person_id}.", where=path.name, do="Look up PersonId in `persons`.")


class _Generator:
    """One run: the dice, the companies, and the addresses given out so far."""

    def __init__(self, people: int, seed: int) -> None:
        self._people = people
        self._dice = random.Random(seed)  # noqa: S311  sample people, no secrets
        self._taken: set[str] = set()
        self._mailboxes: list[str] = []
        self._companies = [self._company(number) for number in range(max(1, people // 4))]

    def persons(self) -> list[dict[str, object]]:
        """All records, in the order of their keys."""
        marks = {
            "KoppelenMetMailChimp": self._dealt({"Ja": 0.84, "Nee": 0.12, "": 0.04}),
            "MailingenOntvangen": self._dealt({"Ja": 0.85, "Nee": 0.07, "": 0.08}),
            "UitsluitenVoorCorrespondentie": self._dealt({"Nee": 0.8, "Ja": 0.04, "": 0.16}),
            "Status": self._dealt({"Klant": 0.82, "Geen klant meer": 0.10, "Suspect": 0.08}),
            "PersonType": self._dealt({"contactpersoon": 0.6, "klant-persoon": 0.4}),
        }
        died = self._dealt({"died": 0.015, "": 0.985})
        has_name = self._dealt({"name": 0.88, "": 0.12})
        groups = self._dealt({"0": 0.15, "1": 0.45, "2": 0.22, "3": 0.12, "4": 0.06})
        companies = self._employers()
        addresses = self._address_plans(marks["KoppelenMetMailChimp"])
        return [
            self._person(
                number,
                {column: values[number] or self._blank() for column, values in marks.items()},
                companies[number],
                addresses[number],
                is_dead=bool(died[number]),
                has_first_name=bool(has_name[number]),
                group_count=int(groups[number]),
            )
            for number in range(self._people)
        ]
