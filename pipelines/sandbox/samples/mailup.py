"""What the sandbox's MailUp account held before the first sync: lists, groups, and people known there already.

Belongs here: that past, as plain data, with the rule each person is there for. Does not: putting it there
(preparing.py), the imitated account itself (sandbox/mailup/).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.quality.addresses import judge
from pipelines.sandbox.samples.mira import mira_records
from pipelines.sandbox.samples.teamsystem import ENTI, SOCI, teamsystem_records
from pipelines.sandbox.samples.vtiger import vtiger_records

TSC_LIST, VTIGER_LIST, MIRA_LIST = "Contatti TSC-SIC", "Clienti e contatti", "Mira utskick"
OTHER_LIST = "Eventi 2025"
# Dynamic fields beyond those of a new account (D14, D16).
MAILUP_FIELDS: Mapping[int, str] = {27: "settore", 28: "provenienza"}
BY_LINK, ABUSE, BOUNCE = 2, 16, 8
FIRST_NAME, LAST_NAME, COUNTRY = "1", "2", "8"


@dataclass(frozen=True)
class Known:
    """Somebody whom a list knew; `options` are those of the back stage's act add_by_hand."""

    email: str
    options: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True)
class PastList:
    """A list as it was: its groups, and who was in it."""

    name: str
    groups: tuple[str, ...] = ()
    people: tuple[Known, ...] = ()


def mailup_past() -> tuple[PastList, ...]:
    """Every list of the sample syncs, and one more of the same account."""
    return (_of_teamsystem(), _other(), _of_vtiger(), _of_mira())


def _of_teamsystem() -> PastList:
    """Two groups that exist: one to be overwritten, in which strangers are, and one to be added to (E13 to E15)."""
    enti = _good(teamsystem_records()[ENTI], "Email", lambda record: record["Stato"] == "Attivo")
    strangers = ("vecchio.sponsor@archivio.example", "info@circolo-chiuso.example")
    return PastList(
        TSC_LIST,
        ("Enti e aziende", "Invio clienti e fornitori"),
        (
            *(_named(email, "Vecchio", "Contatto", "Enti e aziende") for email in strangers),
            Known(enti[0], {"fields": {"3": "Nome di prima"}}, "Enti e aziende"),
            _named("amica@archivio.example", "Amica", "Privata", "Invio clienti e fornitori"),
        ),
    )


def _other() -> PastList:
    """A member of the association who withdrew consent in another list: it holds in every list (B5)."""
    soci = _good(teamsystem_records()[SOCI], "Email", lambda record: record["Stato"] == "Attivo")
    return PastList(OTHER_LIST, (), (Known(soci[0], {"status": "Unsubscribed", "type": BY_LINK}),))


def _of_vtiger() -> PastList:
    """Private people (B4), one corrected in MailUp to San Marino (B2), and one who opted out (C10)."""
    records = vtiger_records()
    leads = _good(records["Leads"], "email", lambda lead: lead["leadstatus"] == "Hot" and lead["country"] == "Italia")
    contacts = _good(records["Contacts"], "email", lambda contact: contact["Rapporto"] == "Cliente")
    return PastList(
        VTIGER_LIST,
        ("Stampa",),
        (
            _named("redazione@stampalocale.example", "Redazione", "Cronaca", "Stampa"),
            _named("g.verdi@stampalocale.example", "Gino", "Verdi", "Stampa"),
            Known(leads[0], {"fields": {COUNTRY: "San Marino"}}),
            Known(contacts[0], {"status": "Unsubscribed", "type": BY_LINK}),
        ),
    )


def _of_mira() -> PastList:
    """One who unsubscribed from mass mailings, one whose address is dead, one who complained."""
    found = _good(mira_records()["urval_alumner.csv"], "E-post", lambda one: not one["Blockerad"])
    codes = {found[0]: BY_LINK, found[1]: BOUNCE, found[2]: ABUSE}
    people = (Known(email, {"status": "Unsubscribed", "type": code}) for email, code in codes.items())
    return PastList(MIRA_LIST, (), tuple(people))


def _named(email: str, first: str, last: str, group: str) -> Known:
    return Known(email, {"fields": {FIRST_NAME: first, LAST_NAME: last}}, group)


def _good(
    records: Iterable[Mapping[str, Any]], column: str, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> list[str]:
    """Addresses that are right as they are written, of records that the sync wants."""
    wanted = [record for record in records if is_wanted(record) and not _objects(record)]
    return [str(one[column]) for one in wanted if _is_plain(one[column])]


def _objects(record: Mapping[str, Any]) -> bool:
    return record.get("emailoptout") == "1" or record.get("Avprenumererad", "Nej") != "Nej"


def _is_plain(address: str | None) -> bool:
    verdict = judge(address)
    return verdict.is_mailable and verdict.cleaned == address == verdict.email_key
