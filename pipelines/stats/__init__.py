"""Campaign statistics: pulled from the provider, kept for good.

pulling.py   campaigns, sends, events, links and clickers into the warehouse's stats tables

Does not belong here: figures that analysts read (dbt's marts), one provider's API (providers/).
"""
