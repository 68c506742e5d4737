"""Sample CRMs: seeded people who do not exist, all under the reserved top-level domain `.example`.

auditcase.py   the accountants' CRM of the sync auditcase_mailchimp, with dutch.py's names
iteras.py      the subscribers of iteras_mailchimp, with danish.py's
mira.py        the selections of a school of mira_mailup, with swedish.py's
teamsystem.py  the exported lists of tsc_mailup, with italian.py's
vtiger.py      the leads, contacts and organisations of vtiger_mailup, with italian.py's
mailup.py      what the MailUp account held before the first sync
campaigns.py   what is sent to all of them
chance.py      seeded chance, and the dirt that addresses have in real life
preparing.py   all of it put where the syncs find it

Belongs here: which sample belongs where in the default home. Does not: what a sample holds (its module).
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from pipelines.sandbox.samples.auditcase import write_auditcase


def write_samples(home: Path) -> list[Path]:
    """Write the sample inputs that the home's crm/ folder does not have yet; which ones were written."""
    path = home / "crm" / "auditcase.db"
    if path.exists():
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    write_auditcase(path)
    return [path]


def known_before(home: Path) -> dict[str, tuple[str, str]]:
    """For each sample sync two addresses of its CRM whose owners the provider knew before the first sync."""
    query = """
        select ContactEMailRE from persons
        where KoppelenMetMailChimp = 'Ja' and ContactEMailRE like '%.%@%.example' and OverledenOp is null
        order by PersonId limit 2
    """
    with closing(sqlite3.connect(home / "crm" / "auditcase.db")) as connection:
        (first,), (second,) = connection.execute(query).fetchall()
    return {"auditcase_mailchimp": (first, second)}
