"""What is judged before anything is sent: addresses, extracts, the people wanted.

addresses.py one verdict for each address, remembered; the one maker of email_key
syntax.py    what an address is, by the strict library        faults.py   why one is refused, in words
settling.py  most of them, in sets                            doubts.py   what is odd about valid ones; typos.py
checking.py  stage 2 of a sync, in its order                  measures.py the figures that suites are judged by
catalogue.py the three suites of a sync                       suites.py   judged by Great Expectations; gx.py
history.py   what was found, plan by plan

Does not belong here: who gets mail (dbt's map and plan), what a mapping lacks (sync/doctor/), reports (reports/).
"""
