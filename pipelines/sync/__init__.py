"""The heart: what a plan may do, which plan it is, and sending exactly that.

audience.py   which audience it is, and what is in it now
pending.py    what the sync file can say and this version can't keep yet
creating.py   merge fields and groups that a plan needs and the audience lacks
settings.py   the policies of a sync as the one-row table that the plan's SQL reads
safety.py     the rules that stop a plan, pure
freeze.py     a draft becomes a plan with a checksum and a verdict
plans.py      stored plans: find, show, filter
stale.py      whether the world moved since a plan was made
failures.py   what the provider refuses
doctor.py     what a person should look at
push.py       a push from end to end: which plan, whether it may go, what it leaves behind
sending.py    the batches of a push, with their journal

Does not belong here: Dagster (defs/), HTTP (providers/), the diff itself (dbt's plan models).
"""
