"""Campaign statistics: pulled from the provider, kept for good; and what of them goes back to the CRM.

pulling.py    which campaigns, and which parts of them, are read again
loading.py    campaigns, sends, events, links, clickers and domains into the warehouse's stats tables
history.py    what is kept as files, and brought back to a warehouse that lacks it; history_files.py: those files
write_back.py what should go to the CRM, from write_back_asked.sql or clickers.sql, and write_back_draft.sql
crm_plans.py  such plans, as they are stored
writing.py    sending one to the CRM

Does not belong here: figures that analysts read (dbt's marts), one provider's API (providers/), one CRM's (crm/).
"""
