"""Files for people about one sync: the workbook for the clerk who mends records, the page for everybody.

figures.py    what both tell in numbers: counts, never a person
words.py      reasons and rules in a sentence, and what to do about them
sheets.py     the workbook's sheets: which rows, under which headings
workbook.py   rows to an Excel file, safely and in little memory
formulas.py   text that a spreadsheet would take for a formula
charts.py     numbers to pictures, SVG or PNG
plots.py      pictures of the marts for the Dagster UI
page.py       figures to one HTML file that needs no network
chapters.py   what its chapters say; parts.py: the tables and pictures that they are made of
quality.py    what Great Expectations found, as one such file
making.py     both files of a sync, into the home's reports/
worklist.py   what a person enters in a CRM that can't be written to, each row handed out once

A folder of its own because both files tell one story from the same figures; judging addresses stays in quality/.
Does not belong here: computing what a model or the plan computes already. Nothing is read but the
warehouse.
"""
