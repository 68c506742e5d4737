"""Iteras's API as `contracts/iteras.md` describes it; nothing here knows Enlist's client.

    simulator.py   the simulator as an object: what the server and the tests hold
    routes.py      the paths, the key, the envelope; problems.py: refusals
    switches.py    what the contract leaves open, one switch each: most of it
    model.py       the documents; state.py: all of them, with the history
    customers.py   GET /api/customers/; pages.py: the ways in which a server may cut a list
    changes.py     POST /api/customers/update/
    admin.py       the back stage: /sandbox/iteras/...
    seeding.py     what a fresh sandbox holds, and customers in bulk

Belongs here: what only this service does. Does not: what all simulators have (the modules of sandbox/), samples.

The documentation gives names of parameters and fields, but no list of data keys and no whole reply. What is answered
here beyond that is one guess among several; the switches make others. Left out: webhooks, authenticatecustomer, setup.
"""
