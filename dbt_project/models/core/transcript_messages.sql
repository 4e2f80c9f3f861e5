{%- set transcripts_read = rows_to_process('transcripts', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "transcript_id", "message_number"],
    indexes=[
        {"columns": ["account_id", "listing_id"]},
        {"columns": ["to_tsvector('simple'::regconfig, body)"], "type": "gin"},
    ],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('transcripts', staged='stg_transcript_messages') }} as batch
),

{% if is_incremental() %}

-- What a file that was imported again does not have any more keeps its key alone.
removed as (
    select
        present.account_id,
        present.transcript_id,
        present.message_number
    from {{ transcripts_read }} as transcripts_read
    cross join {{ lateral_lookup(
        this,
        "present",
        "present.account_id = transcripts_read.account_id and present.transcript_id = transcripts_read.entity_id",
    ) }}
    where not exists (
        select 1 from batch
        where
            present.account_id = batch.account_id
            and present.transcript_id = batch.transcript_id
            and present.message_number = batch.message_number
    )
),

{% endif %}

final as (
    select
        batch.account_id,
        batch.transcript_id,
        batch.message_number,
        batch.listing_id,
        batch.reservation_id,
        batch.sender,
        batch.sender_name,
        batch.sender = 'guest' as is_incoming,
        batch.sent_at,
        batch.body,
        batch.line_number,
        batch.is_deleted
    from batch
    {% if is_incremental() %}
    union all
    select
        removed.account_id,
        removed.transcript_id,
        removed.message_number,
        null::bigint as listing_id,
        null::bigint as reservation_id,
        null::text as sender,
        null::text as sender_name,
        null::boolean as is_incoming,
        null::timestamptz as sent_at,
        null::text as body,
        null::integer as line_number,
        true as is_deleted
    from removed
    {% endif %}
)

select
    final.account_id,
    final.transcript_id,
    final.message_number,
    final.listing_id,
    final.reservation_id,
    'transcript' as source,
    final.sender,
    final.sender_name,
    final.is_incoming,
    final.sent_at,
    final.body,
    final.line_number,
    final.is_deleted,
    {{ current_transform_at() }} as synced_at
from final
