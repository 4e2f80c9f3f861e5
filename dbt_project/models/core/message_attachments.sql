{%- set messages_read = rows_to_process('messages', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "message_id", "attachment_number"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('messages', staged='stg_message_attachments') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.message_id, batch.attachment_number)
        batch.account_id,
        batch.message_id,
        batch.attachment_number,
        batch.attachment_id,
        batch.file_name,
        batch.url,
        batch.file_extension,
        batch.mime_type,
        batch.is_image,
        batch.is_public,
        batch.is_deleted
    from batch
    -- those of a deferred message come with it
    where {{ exists_lookup(
        ref('messages'), "parent", "parent.account_id = batch.account_id and parent.message_id = batch.message_id"
    ) }}
    order by batch.account_id asc, batch.message_id asc, batch.attachment_number asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the message no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.message_id,
        present.attachment_number,
        null::bigint as attachment_id,
        null::text as file_name,
        null::text as url,
        null::text as file_extension,
        null::text as mime_type,
        null::boolean as is_image,
        null::boolean as is_public,
        true as is_deleted
    from {{ messages_read }} as messages_read
    cross join {{ lateral_lookup(
        this,
        "present",
        "present.account_id = messages_read.account_id"
        ~ " and present.message_id = " ~ text_as_bigint("messages_read.entity_id"),
    ) }}
    where not exists (
        select 1 from batch
        where
            present.account_id = batch.account_id
            and present.message_id = batch.message_id
            and present.attachment_number = batch.attachment_number
    )
),

{% endif %}

final as (
    select * from listed
    {% if is_incremental() %}
    union all
    select * from removed
    {% endif %}
)

select
    final.*,
    {{ current_transform_at() }} as synced_at
from final
