"""MailUp REST API 1.1 as `contracts/mailup.md` describes it; nothing here knows Enlist's client.

    simulator.py   the simulator as an object: what the server and the tests hold
    routes.py      every path and verb, token, rate limit, the envelope of answers and refusals
    auth.py        the token endpoint, the login page of the code flow, the bearer token; limits.py: the rate limit
    query.py       a call's ids, options, body and page; filters.py: filterby and orderby
    lookup.py      what a path names, or the refusal; problems.py: refusals in MailUp's words
    switches.py    what the contract leaves open, one switch each
    model.py       the documents; state.py: all of them, indexed, with the history; deliveries.py: who got what
    values.py      what a caller writes about one recipient; recipients.py: the rules of subscriptions and groups
    recipient_routes.py   reading recipients by status, one recipient's endpoints
    imports.py     asynchronous imports; import_routes.py: how they look
    lists.py, groups.py, fields.py, messages.py, sendings.py, statistics.py   the other endpoints
    acts.py        what people do by hand, and what a sending has made fall due
    console.py     what administrators do in MailUp's own pages; people_document.py: how a person looks back stage
    admin.py       the back stage: /sandbox/mailup/...
    seeding.py     what a fresh sandbox holds

Belongs here: what only this service does. Does not: what all simulators have (the modules of sandbox/), samples.

Left out: XML and JSONP, the text-message twins but for one single send, the search of 2018 over all lists (its syntax
and shape are not known), templates, webhooks, FTP, the transactional service, account activation.
"""
