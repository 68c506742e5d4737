"""Campaign statistics: pulled from the provider, kept for good.

pulling.py    which campaigns, and which parts of them, are read again
loading.py    campaigns, sends, events, links, clickers and domains into the warehouse's stats tables
history.py    what is kept as files, and brought back to a warehouse that lacks it; history_files.py: those files

Does not belong here: figures that analysts read (dbt's marts), one provider's API (providers/),
what goes back to the CRM (write_back/).
"""
