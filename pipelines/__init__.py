"""Enlist keeps mailing audiences in step with a CRM; eight stages, one file of Dagster objects each.

extract   defs/extract.py  CRM records and the audience as the provider has it now, as they came
check     defs/check.py    addresses judged, opt-outs brought home, the extract guarded
stage     defs/models.py   dbt: text cleaned, blanks null, both sides in one shape
map       defs/models.py   dbt: fields, tags, groups, eligibility with its reason, duplicates settled
plan      defs/plan.py     dbt draws the three-way diff; Python judges its safety and freezes it
push      defs/push.py     exactly that plan, in the fewest calls, journalled in the ledger
stats     defs/stats.py    campaigns, sends, opens, clicks, bounces and opt-outs come back;
          defs/write_back.py  what the sync asks for goes to the CRM
marts     defs/marts.py    dbt: the tables analysts read, published as a file of their own

Belongs here: everything that runs but the models (dbt_project/). Only `defs/` knows Dagster.
"""
