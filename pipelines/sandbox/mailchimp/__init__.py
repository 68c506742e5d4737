"""Mailchimp Marketing API 3.0 as `contracts/mailchimp.md` describes it; nothing here knows Enlist's client.

    simulator.py   the simulator as an object: what the server and the tests hold
    routes.py      every path and verb, authentication, the envelope of answers and refusals
    query.py       the body and the query of a call: paging, filters, fields and exclude_fields
    lookup.py      what a path names, or the 404; links.py: _links; problems.py: refusals in Mailchimp's words
    languages.py   the same in the language of the account
    switches.py    what the contract leaves open, one switch each
    model.py       the documents; state.py: all of them, indexed, with the history
    schema.py      the form of a member's body; addresses.py: which addresses are refused
    values.py      what a merge field takes and keeps
    members.py     the rules of members: adding, updating, renaming, transitions
    member_document.py, member_routes.py   how a member looks; the member endpoints
    batch.py       POST /lists/{id}
    batches.py     /batches; batch_runs.py: how they get on; batch_results.py: the archive with their answers
    audiences.py, fields.py, groups.py, segments.py, campaigns.py   the other endpoints
    reports.py, report_details.py, totals.py   reports, who did what, and their sums
    acts.py        what people and marketers do by hand, and what a send has made fall due
    admin.py       the back stage: /sandbox/mailchimp/...
    seeding.py     what a fresh sandbox holds

Belongs here: what only this service does. Does not: what all simulators have (the modules of sandbox/), samples.

Left out: webhooks, templates, conditions of saved segments, scheduling, marketing permissions. Plain http is served,
where Mailchimp answers 426. An imageurl is checked by its form and never fetched.
"""
