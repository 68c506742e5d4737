"""The heart: what a plan may do, which plan it is, and sending exactly that.

audience.py   which audience it is, and what is in it now
members.py    its members: all of them, or those who changed on top of those kept
naming.py     which fields a sync means, whatever they are called now
creating.py   merge fields and groups that a plan needs and the audience lacks
settings.py   the policies of a sync as the one-row table that the plan's SQL reads
safety.py     the rules that stop a plan, pure
freeze.py     a draft becomes a plan with a checksum and a verdict
holding.py    who a plan leaves out, kept for people to look at
predicting.py what a push will take
plans.py      stored plans: find, show, filter
stale.py      whether the world moved since a plan was made
failures.py   what the provider and the CRM refuse
filling.py    how many people the groups have that a plan fills or empties
purges.py     who waits to be archived when a clock runs out
status.py     what a sync is at: plans, runs, who waits
undoing.py    a plan that takes a run back; undo.sql, undo_changes.sql
explaining.py one person's whole story; person.py: who is meant; crm_story.py: what went to the CRM; story_queries.py
rules.py      which rule decided about a record, in words
doctor/       what a person should look at before a plan
push.py       a push from end to end: which plan, whether it may go, what it leaves behind
sending.py    the batches of a push, with their journal
rereading.py  what the audience says around a push
readback.py   whether the provider kept what it said yes to
first_push.py how much of a sync's first push is still to do

Does not belong here: Dagster (defs/), HTTP (providers/), the diff itself (dbt's plan models).
"""
