"""Vtiger CRM, open source 7 and 8 (webservice.php) and the Cloud (restapi).

Belongs here: session.py and restapi.py (how a call travels), query.py (paging), describe.py (modules and fields),
reading.py (the `Source`), writing.py (the `Writer`), values.py (what a field takes). Does not: anything that another
CRM has too.
"""
