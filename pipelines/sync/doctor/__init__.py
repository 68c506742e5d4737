"""The doctor: tries everything that a sync needs and says what a person should look at. One file for each thing tried.

examining.py  the order of things, from the CRM to the last plan
findings.py   what is told: findings, warnings, notes
records.py    the records to look at, and counting over them
fields.py     the merge fields: missing, demanded, drifted
values.py     the records' values against what the merge fields hold
newest.py     what tells the newer of two records
labels.py     tags and groups: the provider's limits, and tags that say no
account.py    what is in the account already, and what can't be undone
sharing.py    other syncs of the home that keep the same audience
held.py       what the last plan had to leave out
way_back.py   what write_back names, asked of the CRM

Belongs here: findings about one sync. Does not: changing anything, showing (cli/checking.py), the rules that stop a
plan (safety.py).
"""

from pipelines.sync.doctor.examining import examine
from pipelines.sync.doctor.findings import Examination, Finding

__all__ = ["Examination", "Finding", "examine"]
