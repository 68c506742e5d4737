"""Campaign statistics: pulled from the provider, kept for good.

pulling.py   which campaigns, and which parts of them, are read again
loading.py   campaigns, sends, events, links, clickers and domains into the warehouse's stats tables

Does not belong here: figures that analysts read (dbt's marts), one provider's API (providers/).
"""
