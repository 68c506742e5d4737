"""The `enlist` command: thin commands over the packages that do the work.

app.py        the application, and `main` with its exit codes
output.py     tables, JSON, masked addresses, progress
running.py    runs selections of the Dagster jobs on the home's instance
options.py    options that many commands share
rehearsal.py  what a rehearsal on the sandbox needs
addresses.py  addresses that a person names
rows.py       rows of a plan as a table, in words, as a file
crm_plans.py  plans for a CRM as tables, in words
planning.py pushing.py looking.py checking.py explaining.py consenting.py undoing.py reporting.py crm.py
serving.py demo.py        the commands

Does not belong here: anything a test or an asset would want to call. Starting must stay quick: a command imports what
it needs inside its own function (`enlist --help` loads neither Dagster nor DuckDB).
"""

from pipelines.cli.app import main

__all__ = ["main"]
