select
    fields.name,
    fields.field_id,
    fields.label,
    fields.type,
    fields.required,
    fields.max_bytes,
    fields.choices,
from {{ source('extract', 'merge_fields') }} as fields
inner join {{ source('sync', 'settings') }} as settings using (connection, audience_id)
