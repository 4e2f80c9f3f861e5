{{ config(
    unique_key=["account_id", "conversation_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

with

-- beside the cost of reading a row no join seems dear to the planner: it plans this one by itself
due as materialized (
    select * from {{ pending('conversations') }} as due
),

{{ admitted('conversations', 'present.conversation_id = due.conversation_id', may_name_none=true) }},

final as (
    select
        due.account_id,
        due.conversation_id,
        due.listing_id,
        due.reservation_id,
        due.conversation_type,
        due.recipient_name,
        due.recipient_email,
        due.has_unread_messages,
        due.last_sent_at,
        due.last_received_at,
        due.is_deleted,
        {{ transform_at() }} as synced_at,
        due.pms_meta
    from admitted as due
    where due.conversation_id is not null
)

select * from final
