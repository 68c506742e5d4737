-- A record whose address changed is the same person: the member moves instead of leaving and joining (L9).
-- Only onto an address that nobody has or had in the audience, and only while the old one is free to move.
select
    new.email_key,
    old.email_key as old_email_key,
    old.member_email as old_email,
    old.provider_id,
from {{ ref('plan_state') }} as new
inner join {{ ref('plan_state') }} as old
    on new.entity = old.entity and new.contact_key = old.contact_key and new.email_key <> old.email_key
cross join {{ source('sync', 'settings') }} as settings
where
    new.is_wanted
    and new.suppressed_by is null
    and new.status is null
    and (not new.is_managed or old.left_by = 'rename') -- a rename that was sent without an answer and never arrived
    and not old.is_wanted
    and old.is_managed
    and old.leaving_because = 'address_changed'
    and list_contains(settings.renamable, old.status)
qualify row_number() over (partition by new.email_key order by old.left_at desc nulls first, old.email_key) = 1
