"""Dagster objects only, thin: which asset calls what, and what the UI shows of it.

names.py     asset keys, groups, owners           results.py   metadata and failures
running.py   run locks, jobs, schedules           models.py    dbt models as assets
freshness.py when an asset is late
stopping.py  Ctrl-C during a push                 storage.py   Dagster's own, faster
extract.py check.py plan.py push.py stats.py write_back.py marts.py          the stages

Does not belong here: anything that thinks. Each asset calls one function of the packages beside this one.
"""
