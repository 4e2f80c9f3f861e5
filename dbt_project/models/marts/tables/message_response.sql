{{ config(
    unique_key=["account_id", "conversation_id", "turn"],
    rebuilt_for={"model": "int_conversations_due", "columns": ["account_id", "conversation_id"]},
    indexes=[
        {"columns": ["account_id", "asked_at"]},
    ],
) }}
-- depends_on: {{ ref('int_conversations_due') }}
with

due as materialized (
    select account_id, conversation_id
    from {{ ref('int_conversations_due') if is_incremental() else ref('conversations') }}
),

conversations as materialized (
    select conversations.*
    from due
    cross join {{ lateral_lookup(
        ref('conversations'),
        "conversations",
        "conversations.account_id = due.account_id and conversations.conversation_id = due.conversation_id",
    ) }}
    where not conversations.is_deleted
),

-- A message from a template is not an answer, and neither is one that did not reach the guest: it failed, was
-- cancelled, or waits for its time.
talk as (
    select
        messages.account_id,
        messages.conversation_id,
        messages.message_id,
        messages.user_id,
        messages.is_incoming,
        messages.sent_at,
        lag(messages.is_incoming) over (
            partition by messages.account_id, messages.conversation_id
            order by messages.sent_at, messages.message_id
        ) as before
    from conversations
    cross join {{ lateral_lookup(
        ref('messages'),
        "messages",
        "messages.account_id = conversations.account_id"
        " and messages.conversation_id = conversations.conversation_id",
    ) }}
    where
        not messages.is_deleted
        and messages.sender <> 'automation'
        and messages.sent_at is not null
        and (
            messages.is_incoming
            or lower(coalesce(messages.status, 'sent'))
            not in ('awaiting', 'paused', 'failed', 'cancelled_by_user', 'cancelled_by_system')
        )
),

-- the first message of each turn: guest, host, guest, host
turns as (
    select
        talk.*,
        lead(talk.sent_at) over in_order as replied_at,
        lead(talk.user_id) over in_order as replied_by_user_id,
        lead(talk.message_id) over in_order as reply_message_id
    from talk
    where talk.is_incoming is distinct from talk.before
    window in_order as (partition by account_id, conversation_id order by sent_at, message_id)
),

final as (
    select
        turns.account_id,
        turns.conversation_id,
        row_number() over (
            partition by turns.account_id, turns.conversation_id order by turns.sent_at, turns.message_id
        )::integer as turn,
        turns.message_id,
        turns.reply_message_id,
        coalesce(reservations.listing_id, conversations.listing_id) as listing_id,
        conversations.reservation_id,
        turns.replied_by_user_id,
        coalesce(then_known.status_group, reservations.status_group, 'none') as kind,
        turns.sent_at as asked_at,
        turns.replied_at,
        extract(hour from turns.sent_at at time zone coalesce(zone.name, 'UTC'))::integer as asked_hour,
        coalesce(reservations.status_group in ('cancelled', 'declined'), false) as is_cancelled
    from turns
    inner join conversations
        on turns.account_id = conversations.account_id and turns.conversation_id = conversations.conversation_id
    left join {{ ref('reservations') }} as reservations
        on
            conversations.account_id = reservations.account_id
            and conversations.reservation_id = reservations.reservation_id
    -- an inquiry that was booked later was an inquiry when it was asked
    left join lateral (
        select history.status_group
        from {{ ref('reservation_history') }} as history
        where
            history.account_id = conversations.account_id
            and history.reservation_id = conversations.reservation_id
            and (history.known_until is null or history.known_until > turns.sent_at)
        order by history.version
        limit 1
    ) as then_known on true
    left join {{ ref('listings') }} as listings
        on
            conversations.account_id = listings.account_id
            and coalesce(reservations.listing_id, conversations.listing_id) = listings.listing_id
    left join {{ local_zone("listings.time_zone_name", "zone") }} on true
    where turns.is_incoming
)

select
    account_id,
    conversation_id,
    turn,
    message_id,
    reply_message_id,
    listing_id,
    reservation_id,
    replied_by_user_id,
    case kind when 'owner_stay' then 'none' when 'declined' then 'request' when 'other' then 'none' else kind end
        as kind,
    asked_at,
    replied_at,
    round((extract(epoch from replied_at - asked_at) / 60)::numeric, 1) as response_minutes,
    case
        when replied_at is null then null
        when replied_at - asked_at <= interval '15 minutes' then '1: within 15 minutes'
        when replied_at - asked_at <= interval '1 hour' then '2: within 1 hour'
        when replied_at - asked_at <= interval '4 hours' then '3: within 4 hours'
        when replied_at - asked_at <= interval '12 hours' then '4: within 12 hours'
        when replied_at - asked_at <= interval '24 hours' then '5: within 24 hours'
        else '6: later'
    end as response_bucket,
    asked_hour,
    turn = 1 as is_first,
    replied_at is null as is_waiting,
    is_cancelled,
    {{ current_transform_at() }} as synced_at
from final
