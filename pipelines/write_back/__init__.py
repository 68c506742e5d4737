"""The way back to the CRM: what a sync or a command asks to be written there, planned, shown, and then sent.

drafting.py what should go to the CRM, from asked.sql (the sync's write_back) or clickers.sql, and draft.sql
plans.py    such plans, as they are stored
sending.py  sending one to the CRM, with its gate and its journal

Does not belong here: one CRM's API (crm/), the journal's files (ledger/crm_journal.py), lists that people enter by hand
(reports/worklist.py).
"""
