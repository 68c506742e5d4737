"""Vtiger's webservice.php as `contracts/vtiger.md` describes it; nothing here knows Enlist's client.

    simulator.py   the simulator as an object: what the server and the tests hold
    routes.py      the operations with their methods, the session, the envelope
    asked.py       the parameters of a call; problems.py: refusals in Vtiger's words
    switches.py    what the contract leaves open, one switch each
    model.py       the documents; state.py: all of them, indexed, with the history
    fields.py      what a field is; people_fields.py, activity_fields.py: those of each module
    modules.py     the modules; catalogue.py: listtypes and describe
    sessions.py    challenge, login, session
    vtql.py        the text of a query; query.py: the rows that it finds
    values.py      what a field takes, keeps and shows
    records.py     create, revise, update, delete, retrieve; conversion.py: convertlead
    relations.py   relatedtypes, retrieve_related
    views.py       custom views, with the losses of their pages
    admin.py       the back stage: /sandbox/vtiger/...
    seeding.py     what a fresh sandbox holds, and records in bulk

Belongs here: what only this service does. Does not: what all simulators have (the modules of sandbox/), samples.

Left out: Vtiger Cloud's REST API, wsapp_*, the other mobile.* operations, files, tags, the web pages, and all modules
but Leads, Contacts, Accounts, Calendar, Events, ModComments, Users and Groups.
"""
