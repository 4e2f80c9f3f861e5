{{ config(
    unique_key=["account_id", "message_id"],
    indexes=[
        {"columns": ["account_id", "conversation_id"]},
    ],
) }}

with

-- beside the cost of reading a row no join seems dear to the planner: it plans this one by itself
due as materialized (
    select * from {{ pending('messages') }} as due
),

{{ admitted('messages', 'present.message_id = due.message_id') }},

final as (
    select
        due.account_id,
        due.message_id,
        due.conversation_id,
        due.listing_id,
        due.reservation_id,
        due.channel_id,
        due.communication_id,
        due.user_id,
        due.channel_message_id,
        due.body,
        due.subject,
        due.communication_type,
        due.status,
        due.sender,
        due.message_source,
        due.originated_by,
        due.attachments_count,
        due.is_incoming,
        due.is_seen,
        due.is_sent_by_hostaway,
        due.sent_at,
        due.sent_to_channel_at,
        due.seen_at,
        due.inserted_at,
        due.updated_at,
        due.is_deleted,
        {{ transform_at() }} as synced_at,
        due.pms_meta
    from admitted as due
    where due.message_id is not null
)

select * from final
