-- name: due_accounts
-- One index look-up per account, independent of the number of pending events. Longest wait first.
select accounts.account_id
from ops.accounts as accounts
cross join lateral (
    select events.next_try_at
    from ops.webhook_events as events
    where events.account_id = accounts.account_id and events.state = 'pending'
    order by events.next_try_at
    limit 1
) as oldest
where
    accounts.state = 'active'
    and oldest.next_try_at <= clock_timestamp()
    and not accounts.account_id = any(%(busy)s::bigint[])
order by oldest.next_try_at, accounts.account_id

-- name: seconds_until_due
select extract(epoch from min(oldest.next_try_at) - clock_timestamp())::float as seconds
from ops.accounts as accounts
cross join lateral (
    select events.next_try_at
    from ops.webhook_events as events
    where events.account_id = accounts.account_id and events.state = 'pending'
    order by events.next_try_at
    limit 1
) as oldest
where accounts.state = 'active' and not accounts.account_id = any(%(busy)s::bigint[])

-- name: has_pending_delta_loads
-- Loads of a worker that was killed before its transform, whose transform failed, or that ended before it could start one.
-- Only loads of deltas: a sync requests its transform when it has finished.
select exists (
    select 1
    from ops.loads as loads
    inner join ops.sync_runs as runs on loads.sync_run_id = runs.sync_run_id
    where loads.transformed_at is null and runs.mode = 'delta'
)

-- name: due_events
select
    event_id,
    event,
    object,
    object_id,
    conversation_id,
    reservation_id,
    times_received,
    received_at,
    not_found_count,
    coalesce(unread_nights, '[]'::jsonb) as unread_nights
from ops.webhook_events
where account_id = %(account_id)s and state = 'pending' and next_try_at <= clock_timestamp()
order by next_try_at, event_id
limit %(limit)s

-- name: finish
-- An event that was received again since it was selected stays pending: its object may have changed since it was read.
update ops.webhook_events as events
set
    state = %(state)s,
    attempts = events.attempts + 1,
    reason = %(reason)s,
    run_key = %(run_key)s,
    load_id = %(load_id)s,
    finished_at = clock_timestamp()
from unnest(%(event_ids)s::bigint[], %(times_received)s::integer[]) as finished (event_id, times_received)
where
    events.event_id = finished.event_id
    and events.state = 'pending'
    and events.times_received = finished.times_received
returning events.event_id

-- name: fail
-- An incremental sync can still find the change of a dead event.
with failed as (
    update ops.webhook_events as events
    set
        state = case when events.attempts + 1 < %(most_attempts)s then 'pending' else 'dead' end,
        attempts = events.attempts + 1,
        not_found_count = events.not_found_count + %(not_found)s::boolean::integer,
        next_try_at = clock_timestamp() + make_interval(secs => least(%(longest)s, power(2, events.attempts))),
        reason = %(reason)s,
        run_key = %(run_key)s,
        finished_at = case when events.attempts + 1 >= %(most_attempts)s then clock_timestamp() end
    where events.event_id = any(%(event_ids)s::bigint[]) and events.state = 'pending'
    returning events.state
)

update ops.webhook_endpoints
set catch_up_requested_at = clock_timestamp()
where account_id = %(account_id)s and exists (select from failed where failed.state = 'dead')

-- name: save_unread_nights
update ops.webhook_events set unread_nights = %(unread_nights)s where event_id = any(%(event_ids)s::bigint[])

-- name: postpone_account
-- The attempt is not counted: the cause is the account, not the events.
update ops.webhook_events as events
set
    next_try_at = clock_timestamp() + make_interval(secs => %(seconds)s),
    reason = %(reason)s,
    run_key = %(run_key)s
where
    events.account_id = %(account_id)s
    and events.state = 'pending'
    and events.next_try_at < clock_timestamp() + make_interval(secs => %(seconds)s)
