"""The memory that survives: append-only NDJSON files in the home, and the tables loaded from them.

files.py     append and read lines, fsynced
journal.py   one file per push run: what is about to be sent, and what became of it
crm_journal.py  the same for what goes to a CRM
consent.py   opt-outs, bounces and complaints that audiences show
blocks.py    blocks and releases by hand
reactions.py complaints and soft bounces that campaigns show
reach.py     noes that reach further since the sync says so
objections.py what the CRM itself holds against mailing
learning.py  what of all that is written down when
objectors.py which CRM records had an address when it said no
pins.py      which account and audience a sync was resolved to
claims.py    which home of this machine an audience belongs to
lines.py     the lines of files as a table, damaged ones refused
load.py      files to tables, idempotently; the warehouse may be deleted at any time

Does not belong here: deciding whom to mail (dbt's plan models), sending (sync/sending.py).
"""
