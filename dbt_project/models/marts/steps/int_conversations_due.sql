-- Conversations of which a message, or the reservation, has changed since the marts were built; all, when every row is
-- read again.
with

clock as materialized (
    select
        marts.last_success_at,
        case when transforms.full_rebuild then '-infinity' else marts.last_success_at end as since
    from {{ source('ops', 'current_marts_build') }} as marts
    cross join {{ source('ops', 'current_transform') }} as transforms
),

-- Of each account, because an index leads to its changed rows.
accounts as (
    select distinct account_id from {{ ref('listings') }}
),

due as (
    select changed.account_id, changed.conversation_id
    from accounts
    cross join {{ lateral_lookup(
        ref('conversations'),
        "changed",
        "changed.account_id = accounts.account_id and changed.synced_at > (select clock.since from clock)",
    ) }}
    union
    select changed.account_id, changed.conversation_id
    from accounts
    cross join {{ lateral_lookup(
        ref('messages'),
        "changed",
        "changed.account_id = accounts.account_id and changed.synced_at > (select clock.last_success_at from clock)",
    ) }}
    union
    select conversations.account_id, conversations.conversation_id
    from accounts
    cross join {{ lateral_lookup(
        ref('reservations'),
        "changed",
        "changed.account_id = accounts.account_id and changed.synced_at > (select clock.last_success_at from clock)",
    ) }}
    cross join {{ lateral_lookup(
        ref('conversations'),
        "conversations",
        "conversations.account_id = changed.account_id and conversations.reservation_id = changed.reservation_id",
    ) }}
)

select account_id, conversation_id from due
