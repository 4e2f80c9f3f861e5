-- name: heads_of
select list, rows, since, observed_at, read_at from ops.heads where account_id = %(account_id)s

-- name: complete_lists
-- The lists that were read completely once, and the newest change that was seen in it; null for conversations, and if there
-- were no reservations.
select lists.resource, watermarks.watermark
from ops.lists_read as lists
left join ops.watermarks as watermarks
    on lists.account_id = watermarks.account_id and lists.resource = watermarks.resource
where lists.account_id = %(account_id)s and lists.resource in ('reservations', 'conversations')

-- name: poll_of
select method, reason, list_until, missed, stamps_move, sort_seen_at, polled_at, listed_at, error
from ops.polls
where account_id = %(account_id)s

-- name: lock_poll
-- One process at a time compares the heads of an account and replaces them. The row is created if it does not exist.
insert into ops.polls (account_id) values (%(account_id)s)
on conflict (account_id) do update set account_id = excluded.account_id

-- name: put_head
insert into ops.heads (account_id, list, rows, since, observed_at)
values (%(account_id)s, %(list)s, %(rows)s, %(observed_at)s, %(observed_at)s)
on conflict (account_id, list) do update set
    rows = excluded.rows,
    observed_at = excluded.observed_at,
    read_at = clock_timestamp()
where heads.observed_at <= excluded.observed_at

-- name: forget_heads
delete from ops.heads where account_id = %(account_id)s

-- name: stamps_move
update ops.polls set stamps_move = %(stamps_move)s where account_id = %(account_id)s

-- name: sort_was_seen
update ops.polls set sort_seen_at = clock_timestamp() where account_id = %(account_id)s

-- name: use_list
update ops.polls
set
    method = 'list',
    reason = %(reason)s,
    list_until = clock_timestamp() + %(pause)s::interval,
    missed = missed + %(missed)s
where account_id = %(account_id)s

-- name: use_heads
update ops.polls
set method = 'heads', reason = null, list_until = null, sort_seen_at = null
where account_id = %(account_id)s and method <> 'heads'

-- name: newer_conversations
-- Conversations that landed with this run, with the dates of their messages before.
with requested as (
    select
        events.conversation_id,
        events.reservation_id,
        max(events.last_received_at) as requested_at
    from ops.webhook_events as events
    where events.account_id = %(account_id)s and events.object = 'conversationMessage'
    group by events.conversation_id, events.reservation_id
),

landed as materialized (
    select
        conversations.entity_id::bigint as conversation_id,
        ops.as_id(conversations.payload -> 'reservationId') as reservation_id,
        conversations.payload ->> 'messageSentOn' as sent_on,
        conversations.payload ->> 'messageReceivedOn' as received_on
    from landing.conversations as conversations
    where
        conversations.account_id = %(account_id)s
        and conversations.deleted_at is null
        and conversations.load_id in (
            select loads.load_id
            from ops.loads as loads
            inner join ops.sync_runs as runs on loads.sync_run_id = runs.sync_run_id
            where
                runs.account_id = %(account_id)s
                and runs.run_key = %(run_key)s
                and runs.resource = 'conversations'
        )
)

select
    landed.conversation_id,
    landed.reservation_id,
    landed.sent_on,
    landed.received_on,
    fetched.stamp,
    greatest(
        fetched.fetched_at,
        fetched.moved_at,
        (select max(requested.requested_at) from requested where requested.conversation_id = landed.conversation_id),
        (select max(requested.requested_at) from requested where requested.reservation_id = landed.reservation_id)
    ) as known_at
from landed
left join ops.conversation_reads as fetched
    on fetched.account_id = %(account_id)s and fetched.conversation_id = landed.conversation_id

-- name: newer_reservations
-- Reservations that landed with this run, and that no event has named since their change.
select
    landed.entity_id::bigint as reservation_id,
    landed.source_updated_at as updated_on
from landing.reservations as landed
where
    landed.account_id = %(account_id)s
    and landed.deleted_at is null
    and landed.source_updated_at > %(since)s
    and landed.source_updated_at < %(until)s
    and landed.load_id in (
        select loads.load_id
        from ops.loads as loads
        inner join ops.sync_runs as runs on loads.sync_run_id = runs.sync_run_id
        where
            runs.account_id = %(account_id)s
            and runs.run_key = %(run_key)s
            and runs.resource = 'reservations'
    )
    and not exists (
        select
        from ops.webhook_events as events
        where
            events.account_id = landed.account_id
            and events.object = 'reservation'
            and events.object_id = landed.entity_id::bigint
            and events.last_received_at > landed.source_updated_at - %(ahead)s::interval
    )
