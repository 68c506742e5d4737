"""Simulators of the outside systems, on loopback, so that everything can be tried without an account.

    server.py      the one HTTP server, its own pages (/, /sandbox/...), starting and stopping
    http.py        what a simulator gets and gives: a call, an answer, the gate with faults and connection limit
    faults.py      faults that a rehearsal switches on, and the counts of calls
    simulator.py   what all simulators have in common; state.py: what they keep; switches.py: how they are turned
    documents.py   the state of a simulator in one SQLite file, and its own history
    backstage.py   the envelope of the server's own pages; watching.py: those that every simulator has
    clock.py       the time as the simulators see it
    people.py      what recipients do after a send; pages.py: the links of a mail
    mailchimp/     Mailchimp Marketing API 3.0
    mailup/        MailUp REST API 1.1
    vtiger/        Vtiger's webservice.php
    iteras/        Iteras's customers
    samples/       the sample CRMs of the default home

Belongs here: imitations, written from the contracts alone. Does not: anything of Enlist's own clients; a simulator
is never bent to fit a client.

"The contract", and `contracts/NAME.md`, are notes on how each service behaves: what is documented, what was observed,
what is assumed or open. They are kept beside the repository, in ../shared/contracts; everything runs without them.
"""
