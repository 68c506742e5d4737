"""Mailchimp: the Marketing API 3.0 behind the `Provider` interface.

client    the key, the connections, one call          values    statuses, times and field values in both directions
paging    a collection, page by page, verified        reading   account, audiences, fields, groups, members
batching  changes cut into the fewest calls           writing   changes sent, every row with its outcome
segments  tags (static segments)                      refusals  Mailchimp's answer as a stable code
campaigns statistics                                  creating  audience, merge fields and groups on request
provider  all of it as one `Provider`

Belongs here: everything that only Mailchimp does. Does not: what all providers promise (providers/base.py), the
imitation that it is tried against (sandbox/mailchimp/).
"""
