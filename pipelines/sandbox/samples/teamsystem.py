"""TeamSystem Terzo Settore / Sportivi in Cloud: the four lists that its users export, as four files (C8).

Belongs here: seeded people and organisations with the dirt of real life, written as Excel and csv files. Does not:
reading them (crm/file.py), what the sample sync makes of them (data/syncs/tsc_mailup.yaml).

    soci_e_partecipanti.xlsx            natural persons; a title and the day of export stand above the column names
    aziende_enti_associazioni.xlsx      legal persons
    invio_soci.csv                      a sending list of members, windows-1252, `;`, days as 31/12/2026
    invio_clienti_fornitori.csv         the same of customers and suppliers

No file layout is known: columns and codes are the sample's own. The same seed and number give the same content. Shares,
held by tests/unit/test_samples_teamsystem.py:

    Email                     as in chance.ADDRESS_SHARES: 5% wrong or missing, 6% of a household (children have the
                              address of their parents), 1% in capitals; in csv files no invisible marks
    soci: Tipo                72% Socio, 28% Partecipante
          Stato               84% Attivo, 9% Sospeso, 7% Cessato
          Corsi               30% none, 48% one, 22% two to three, divided by ';' with and without a blank
    enti: Categoria           40% Ente affiliato, 25% Sponsor, 20% Azienda convenzionata, 15% blank
          Stato               90% Attivo, 10% Cessato
          PEC                 35%: certified mail, never a mailing address
    invio_soci                a third of the soci, under the same code and with the same address
    invio_...: Selezionato    85% Sì, 15% No
    names that windows-1252 can't write have a ? there, as such exports do
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from pipelines.sandbox.samples import italian
from pipelines.sandbox.samples.chance import BLANKS_AROUND, TODAY, Addresses, Chance, slug

COURSES = ("Nuoto", "Yoga", "Ginnastica dolce", "Pallavolo", "Judo", "Tennis", "Danza", "Calcio a 5")
EVENTS = ("Assemblea annuale", "Festa di primavera", "Centro estivo")
SOCI, ENTI = "soci_e_partecipanti.xlsx", "aziende_enti_associazioni.xlsx"
INVIO_SOCI, INVIO_CLIENTI = "invio_soci.csv", "invio_clienti_fornitori.csv"
TITLES: Mapping[str, str] = {SOCI: "Soci e Partecipanti", ENTI: "Aziende Enti Associazioni"}

Record = dict[str, Any]


def write_teamsystem(folder: Path, people: int = 700, seed: int = 44) -> list[Path]:
    """Write the four files into `folder`, each in one step; `people` is the number of natural persons."""
    folder.mkdir(parents=True, exist_ok=True)
    files = teamsystem_records(people, seed)
    for name, records in files.items():
        draft = folder / f"{name}.part"
        (_write_workbook if name in TITLES else _write_csv)(draft, name, records)
        draft.replace(folder / name)
    return [folder / name for name in files]


def teamsystem_records(people: int = 700, seed: int = 44) -> dict[str, list[Record]]:
    """The records of each file, by its name."""
    exports = _Exports(Chance(seed))
    soci = exports.soci(people)
    return {
        SOCI: soci,
        ENTI: exports.enti(people // 6),
        INVIO_SOCI: exports.invio_soci(soci),
        INVIO_CLIENTI: exports.invio_clienti_fornitori(people // 5),
    }


class _Exports:
    """The lists of one organisation."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._domains: set[str] = set()

    def soci(self, count: int) -> list[Record]:
        """Natural persons."""
        chance = self._chance
        addresses = Addresses(chance, count, italian.HOME_HOSTS)
        kinds = chance.dealt({"Socio": 0.72, "Partecipante": 0.28}, count)
        states = chance.dealt({"Attivo": 0.84, "Sospeso": 0.09, "Cessato": 0.07}, count)
        sizes = chance.dealt({"0": 0.3, "1": 0.48, "2": 0.16, "3": 0.06}, count)
        records = []
        for number in range(count):
            (first, sex), last = chance.one(italian.FIRST_NAMES), chance.one(italian.SURNAMES)
            courses = chance.dice.choice((";", "; ")).join(chance.several(COURSES, int(sizes[number])))
            records.append(
                {
                    "Codice": f"S{1 + number:05d}",
                    **{"Cognome": last, "Nome": first, "Sesso": sex},
                    "Data di nascita": date.fromisoformat(chance.day(1940, 2018)),
                    "Email": addresses.next(first, last),
                    "Cellulare": self._phone(),
                    **self._place(),
                    **{"Tipo": kinds[number], "Stato": states[number], "Corsi": courses or chance.blank()},
                    **self._office(),
                }
            )
        return records

    def enti(self, count: int) -> list[Record]:
        """Legal persons."""
        chance = self._chance
        addresses = Addresses(chance, count, italian.HOME_HOSTS)
        shares = {"Ente affiliato": 0.4, "Sponsor": 0.25, "Azienda convenzionata": 0.2, "": 0.15}
        categories = chance.dealt(shares, count)
        states = chance.dealt({"Attivo": 0.9, "Cessato": 0.1}, count)
        certified = chance.dealt({"PEC": 0.35, "": 0.65}, count)
        records = []
        for number in range(count):
            name, domain = self._organisation()
            records.append(
                {
                    "Codice": f"E{1 + number:04d}",
                    "Ragione sociale": name,
                    "Email": addresses.next("info", name.partition(" ")[0], domain),
                    "PEC": f"{domain.removesuffix('.example')}@pec.example" if certified[number] else chance.blank(),
                    "Referente": f"{chance.one(italian.FIRST_NAMES)[0]} {chance.one(italian.SURNAMES)}",
                    "Telefono": self._phone(),
                    **self._place(),
                    **{"Categoria": categories[number] or chance.blank(), "Stato": states[number]},
                    **self._office(),
                }
            )
        return records

    def invio_soci(self, soci: Sequence[Record]) -> list[Record]:
        """A sending list: some of the members, chosen on its own page."""
        chosen = sorted(self._chance.dice.sample(soci, len(soci) // 3), key=lambda record: str(record["Codice"]))
        picked = self._chance.dealt({"Sì": 0.85, "No": 0.15}, len(chosen))
        return [
            {
                **{name: record[name] for name in ("Codice", "Cognome", "Nome")},
                "Email": str(record["Email"] or "").replace("\u200b", "").replace("\ufeff", ""),
                **{"Evento": self._chance.one(EVENTS), "Selezionato": picked[number], "Quota": "12,50 €"},
                **{
                    "Segreteria": record["Segreteria"],
                    "Ultima modifica": f"{record['Ultima modifica']:%d/%m/%Y %H:%M}",
                },
            }
            for number, record in enumerate(chosen)
        ]

    def invio_clienti_fornitori(self, count: int) -> list[Record]:
        """A sending list of others: customers are people or companies, suppliers are companies."""
        chance = self._chance
        addresses = Addresses(chance, count, italian.HOME_HOSTS, untidy=BLANKS_AROUND)
        kinds = chance.dealt({"Cliente": 0.65, "Fornitore": 0.35}, count)
        picked = chance.dealt({"Sì": 0.85, "No": 0.15}, count)
        records = []
        for number in range(count):
            is_company = kinds[number] == "Fornitore" or chance.dice.random() < 0.4
            (first, _), last = chance.one(italian.FIRST_NAMES), chance.one(italian.SURNAMES)
            name, domain = self._organisation() if is_company else ("", "")
            office = self._office()
            records.append(
                {
                    "Codice": f"{kinds[number][0]}{1 + number:04d}",
                    "Tipo": kinds[number],
                    "Azienda": name,
                    **{"Cognome": "" if is_company else last, "Nome": "" if is_company else first},
                    "Email": addresses.next(first, last, domain) or "",
                    **{"Selezionato": picked[number], "Segreteria": office["Segreteria"]},
                    "Ultima modifica": f"{office['Ultima modifica']:%d/%m/%Y %H:%M}",
                }
            )
        return records

    def _organisation(self) -> tuple[str, str]:
        """Name and domain, both new."""
        chance = self._chance
        (town, _, _), last = chance.one(italian.TOWNS), chance.one(italian.SURNAMES)
        stems = (
            f"{chance.dice.choice(italian.ASSOCIATIONS)} {town} {chance.dice.choice(italian.ASSOCIATION_FORMS)}",
            f"{chance.dice.choice(italian.TRADES)} {last} {chance.dice.choice(italian.LEGAL_FORMS)}",
        )
        name = chance.dice.choice(stems).strip()
        stem, tries = slug(name.replace(" ", "-")).strip("-"), 1
        domain = stem
        while domain in self._domains:
            tries += 1
            domain = f"{stem}{tries}"
        self._domains.add(domain)
        return name, f"{domain}.example"

    def _phone(self) -> str:
        return f"+39 000 {self._chance.dice.randrange(10**6):06d}"  # no Italian number begins with 000

    def _place(self) -> Record:
        town, province, postcode = self._chance.one(italian.TOWNS)
        street = f"{self._chance.dice.choice(italian.STREETS)} {self._chance.dice.randint(1, 150)}"
        return {"Indirizzo": street, "CAP": postcode, "Città": town, "Provincia": province}

    def _office(self) -> Record:
        changed = self._chance.moment(3).replace(second=0)
        return {"Segreteria": self._chance.dice.choice(italian.OFFICERS), "Ultima modifica": changed}


def _write_workbook(path: Path, name: str, records: Sequence[Record]) -> None:
    """Text stays text, also postcodes; days are days of Excel's."""
    workbook = Workbook(write_only=True)
    workbook.properties.created = workbook.properties.modified = TODAY
    sheet = workbook.create_sheet(TITLES[name])
    sheet.append([TITLES[name]])
    sheet.append([f"Esportazione del {TODAY:%d/%m/%Y}"])
    sheet.append(list(records[0]) if records else ["Codice"])
    for record in records:
        sheet.append(list(record.values()))
    workbook.save(path)


def _write_csv(path: Path, name: str, records: Sequence[Record]) -> None:
    with path.open("w", encoding="cp1252", errors="replace", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(list(records[0]) if records else ["Codice"])
        writer.writerows(record.values() for record in records)
