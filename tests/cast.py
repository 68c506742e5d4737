"""The people whom the story of auditcase_mailchimp is about, each for one rule, among 300 others.

Belongs here: what the CRM says of them, what the provider knew of them before, and what AuditCase's own rules make of
any record: the expectation, computed from the CRM alone. Does not: Enlist's SQL, the steps of the story.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rehearsal import Rehearsal

from pipelines.quality.addresses import judge

LINKED: dict[str, str | None] = {
    "KoppelenMetMailChimp": "Ja",
    "MailingenOntvangen": "Ja",
    "UitsluitenVoorCorrespondentie": "Nee",
    "PersonInitialsRE": "A.",
    "CompanyEmailREBT": None,
    "CorrespondenceGroupRE": None,
    "OverledenOp": None,
}
# What is particular about each; in the CRM they are the first people by PersonId, in this order.
CAST: dict[str, dict[str, str | None]] = {
    "marieke": {
        **{"PersonChristianNameRE": "Marieke", "PersonInitialsRE": "M.J.", "PersonNameRE": "van den Berg"},
        **{"CompanyEmailREBT": "info@bakkerij.example", "CorrespondenceGroupRE": "Nieuwsbrief; Seminars"},
    },
    "henk": {
        **{"PersonChristianNameRE": "  ", "PersonInitialsRE": "H.J.", "PersonNameRE": "'t Hart"},
        **{"ContactEMailRE": "  ", "CompanyEmailREBT": "henk@cast.example"},
    },
    "objecting": {
        **{"MailingenOntvangen": "Nee", "UitsluitenVoorCorrespondentie": "Ja"},
        "CorrespondenceGroupRE": "Nieuwsbrief",
    },
    "silent": {"MailingenOntvangen": None, "UitsluitenVoorCorrespondentie": ""},
    "twin_of_old": {"ContactEMailRE": "twin@cast.example", "ChangedAt": "2020-01-01T00:00:00"},
    "twin_of_today": {"ContactEMailRE": "Twin@Cast.example", "ChangedAt": "2026-11-20T00:00:00"},
    "dead": {"OverledenOp": "2026-01-02"},
    "unlinked": {"KoppelenMetMailChimp": "Nee"},
    "undecided": {"KoppelenMetMailChimp": ""},
    "misspelt": {"ContactEMailRE": "misspelt@@cast.example"},
    "opted_out_before": {},
    "bounced_before": {},
    "archived_before": {},
    "deleted_before": {},
    "adopted": {"PersonChristianNameRE": "Sanne", "CorrespondenceGroupRE": "Seminars"},
    "leaver": {"CorrespondenceGroupRE": "Nieuwsbrief"},
    "bride": {"PersonNameRE": "Jansen"},
    "mover": {"CorrespondenceGroupRE": "Nieuwsbrief;Starters"},
    "regretful": {},
    "unwilling": {},
    "bouncing": {"PersonNameRE": "Bakker"},
    "switching": {"CorrespondenceGroupRE": "Nieuwsbrief;Seminars"},
    "newcomer": {"KoppelenMetMailChimp": "Nee", "CorrespondenceGroupRE": "Starters"},
}


@dataclass(frozen=True)
class Wanted:
    """What AuditCase's link would send for one address."""

    person_id: str
    fields: dict[str, str]
    tags: set[str]


def person_id(name: str) -> str:
    return f"{100 + 7 * list(CAST).index(name):06d}"


def address(name: str) -> str:
    return f"{name}@cast.example"


def write_cast(rehearsal: Rehearsal) -> None:
    """Put them into the CRM, and into the audience those whom it knew before."""
    for name, columns in CAST.items():
        known = {"PersonChristianNameRE": name.title(), "PersonNameRE": "Visser", "ContactEMailRE": address(name)}
        edit(rehearsal, name, **{**LINKED, **known, **columns})
    for name in ("opted_out_before", "bounced_before", "archived_before", "deleted_before"):
        rehearsal.act(address(name), "add_by_hand")
    rehearsal.act(address("opted_out_before"), "opt_out")
    rehearsal.act(address("bounced_before"), "hard_bounce")
    rehearsal.act(address("archived_before"), "archive_by_hand")
    rehearsal.act(address("deleted_before"), "delete_by_hand")
    rehearsal.act(address("adopted"), "add_by_hand", merge_fields={"FNAME": "S."}, tags=["Door ons"])


def edit(rehearsal: Rehearsal, name: str, **columns: str | None) -> None:
    """Set columns of one of them, as somebody at the accountant's would."""
    settings = ", ".join(f"{column} = :{column}" for column in columns)
    with closing(sqlite3.connect(rehearsal.crm)) as database, database:
        query = f"update persons set {settings} where PersonId = :key"
        assert database.execute(query, {**columns, "key": person_id(name)}).rowcount == 1


def wanted_of(crm: Path) -> dict[str, Wanted]:
    """Whom the seed's rules want in the audience (C2-C4, D6-D9, E3, E6, E7), by address in lower case."""
    with closing(sqlite3.connect(crm)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("select * from persons order by ChangedAt, PersonId desc").fetchall()
    records = [{column: str(value or "").strip() for column, value in dict(row).items()} for row in rows]
    wanted = {}
    for record in records:  # of several with one address the last one changed stays
        found = judge(record["ContactEMailRE"] or record["CompanyEmailREBT"])
        if record["KoppelenMetMailChimp"] != "Ja" or record["OverledenOp"] or not found.is_mailable:
            continue
        assert found.email_key
        tags = {part.strip() for part in record["CorrespondenceGroupRE"].split(";")} - {""}
        tags |= {"Mailingen-ontvangen-nee"} if record["MailingenOntvangen"] == "Nee" else set()
        tags |= {"Correspondentie-ontvangen-nee"} if record["UitsluitenVoorCorrespondentie"] == "Ja" else set()
        first_name = record["PersonChristianNameRE"] or record["PersonInitialsRE"]
        wanted[found.email_key] = Wanted(
            record["PersonId"], {"FNAME": first_name, "LNAME": record["PersonNameRE"]}, tags
        )
    return wanted
