-- name: list_events
-- Newest first.
select
    event_id,
    account_id,
    state,
    event,
    object,
    object_id,
    times_received,
    received_at,
    attempts,
    next_try_at,
    finished_at,
    reason
from ops.webhook_events
where
    {matches_filter}
order by event_id desc
limit %(limit)s

-- name: matches_filter
(%(account_id)s::bigint is null or account_id = %(account_id)s)
    and (%(states)s::text [] is null or state = any(%(states)s))
    and (%(since)s::timestamptz is null or received_at >= %(since)s)
    and (%(object)s::text is null or object = %(object)s)
    and (%(object_id)s::bigint is null or object_id = %(object_id)s)
    and (%(event_ids)s::bigint [] is null or event_id = any(%(event_ids)s))

-- name: get_event
select * from ops.webhook_events where event_id = %(event_id)s

-- name: unparsed_bodies
-- Events without an object, in batches: a newer parser may find their object.
select event_id, body
from ops.webhook_events
where
    state in ('unreadable', 'ignored')
    and body is not null
    and event_id > %(after)s
    and {matches_filter}
order by event_id
limit 500

-- name: mark_parsed
update ops.webhook_events
set
    event = %(event)s,
    object = %(object)s,
    object_id = %(object_id)s,
    conversation_id = %(conversation_id)s,
    reservation_id = %(reservation_id)s,
    state = 'pending',
    reason = null,
    attempts = 0,
    next_try_at = clock_timestamp(),
    finished_at = null
where event_id = %(event_id)s and state in ('unreadable', 'ignored')

-- name: replay
update ops.webhook_events
set
    state = 'pending',
    reason = null,
    attempts = 0,
    not_found_count = 0,
    next_try_at = clock_timestamp(),
    finished_at = null
where
    state in ('pending', 'done', 'object_deleted', 'dead', 'discarded')
    and (object_id is not null or conversation_id is not null or reservation_id is not null)
    and {matches_filter}

-- name: discard
update ops.webhook_events
set
    state = 'discarded',
    reason = 'discarded by an operator',
    finished_at = clock_timestamp()
where state in ('pending', 'dead') and {matches_filter}
