"""MailUp: the REST API 1.1 behind the `Provider` interface.

tokens    log-in, refresh, rotation          values    statuses, opt-out codes, times, keys, field values
client    one call, its pace, its refusals   fields    fields by label, "#3" or Name, always meant by their id
paging    a collection, page by page         reading   account, audiences, groups, members
roster    who is in a list, with consent     imports   one import, from its start to its end
batching  changes cut into batches           writing   changes sent, every row with its outcome
singles   the calls for one person           settling  what became of an import's rows, by reading them back
refusals  why a row was refused              creating  lists and groups on request
messages  statistics                         provider  all of it as one `Provider`

Belongs here: everything that only MailUp does. Does not: what all providers promise (providers/base.py), the
imitation that it is tried against (sandbox/mailup/).

What it never does: ask for `importType=asOptin`, call List/Subscribe, remove anybody from a list or from the account,
or put an address into a URL. Members are addressed by their id.
"""
