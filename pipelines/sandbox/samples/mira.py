"""Mira, the CRM of a Swedish school for alumni, students and participants: its saved selections, each as a csv file.

Belongs here: seeded people with the dirt of real life, written as csv files. Does not: reading them (crm/file.py), what
the sample sync makes of them (data/syncs/mira_mailup.yaml).

    urval_alumner.csv  urval_studenter.csv  urval_kursdeltagare.csv    saved selections ("sparade urval")
    adresser.csv                                                       bare addresses, of people not in the database

No export of Mira's is described: columns are the sample's own; UTF-8 with a byte order mark and `;`, as Excel writes
it in Sweden. The same seed and number give the same content. Shares, held by tests/unit/test_samples_mira.py:

    selections                72% of the people in one, 22% in two, 6% in all three, each time the same row (C11)
    E-post                    as in chance.ADDRESS_SHARES: 5% wrong or missing, 6% of a household, 1% in capitals
    Avprenumererad            5% Ja, 2% blank, else Nej: no mass mailings (H10)
    Blockerad                 3% Hård studs, 3% Mjuk studs: until an administrator takes the block away (H5)
    Förnamn                   4% blank
    Land                      mostly Sverige, a quarter outside of it
"""

import csv
from pathlib import Path
from typing import Any

from pipelines.sandbox.samples import swedish
from pipelines.sandbox.samples.chance import Addresses, Chance

SELECTIONS = ("alumner", "studenter", "kursdeltagare")
ADDRESSES = "adresser.csv"
WHERE_SHARES = {
    **{"alumner": 0.38, "studenter": 0.2, "kursdeltagare": 0.14},
    **{"alumner,kursdeltagare": 0.12, "studenter,kursdeltagare": 0.07, "alumner,studenter": 0.03},
    "alumner,studenter,kursdeltagare": 0.06,
}

Record = dict[str, Any]


def write_mira(folder: Path, people: int = 600, seed: int = 55) -> list[Path]:
    """Write the files into `folder`, each in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    files = mira_records(people, seed)
    for name, records in files.items():
        draft = folder / f"{name}.part"
        with draft.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(list(records[0]) if records else ["PersonID"])
            writer.writerows(record.values() for record in records)
        draft.replace(folder / name)
    return [folder / name for name in files]


def mira_records(people: int = 600, seed: int = 55) -> dict[str, list[Record]]:
    """The records of each file, by its name."""
    chance = Chance(seed)
    persons = _persons(chance, people)
    where = chance.dealt(WHERE_SHARES, people)
    selections = {
        f"urval_{name}.csv": [person for person, found in zip(persons, where, strict=True) if name in found.split(",")]
        for name in SELECTIONS
    }
    return {**selections, ADDRESSES: _bare_addresses(chance, people // 15)}


def _persons(chance: Chance, count: int) -> list[Record]:
    addresses = Addresses(chance, count, (*swedish.MAIL_HOSTS, *swedish.EMPLOYERS))
    unsubscribed = chance.dealt({"Ja": 0.05, "Nej": 0.93, "": 0.02}, count)
    blocked = chance.dealt({"Hård studs": 0.03, "Mjuk studs": 0.03, "": 0.94}, count)
    named = chance.dealt({"named": 0.96, "": 0.04}, count)
    records = []
    for number in range(count):
        first, last = chance.one(swedish.FIRST_NAMES), chance.one(swedish.SURNAMES)
        records.append(
            {
                "PersonID": f"{4000 + number:07d}",
                **{"Förnamn": first if named[number] else "", "Efternamn": last},
                "E-post": addresses.next(first, last) or "",
                "Telefon": f"070-000 {chance.dice.randrange(10**4):04d}",  # a number that nobody can have
                "Program": chance.one(swedish.PROGRAMMES),
                "Examensår": str(chance.dice.randint(1985, 2029)),
                **{"Ort": chance.one(swedish.CITIES), "Land": chance.dice.choice(swedish.COUNTRIES)},
                **{"Avprenumererad": unsubscribed[number], "Blockerad": blocked[number]},
                "Handläggare": chance.dice.choice(swedish.OFFICERS),
                "Ändrad": f"{chance.moment():%Y-%m-%d %H:%M}",
            }
        )
    return records


def _bare_addresses(chance: Chance, count: int) -> list[Record]:
    """Whom somebody wrote down without making a person of them (L2)."""
    addresses = Addresses(chance, count, swedish.MAIL_HOSTS)
    return [
        {
            "Nr": str(number),
            "E-post": addresses.next(chance.one(swedish.FIRST_NAMES), chance.one(swedish.SURNAMES)) or "",
            "Källa": chance.dice.choice(("Mässa", "Webbinarium", "Telefon")),
            "Avprenumererad": "Ja" if number % 20 == 7 else "Nej",
            "Handläggare": chance.dice.choice(swedish.OFFICERS),
            "Ändrad": f"{chance.moment(2):%Y-%m-%d %H:%M}",
        }
        for number in range(1, count + 1)
    ]
