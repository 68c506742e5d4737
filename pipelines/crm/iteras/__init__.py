"""Iteras, subscriptions and memberships.

Belongs here: reading.py (calls, pages, the `Source`), writing.py (the `Writer`). Does not: anything that another CRM
has too.
"""
