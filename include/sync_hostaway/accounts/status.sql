-- name: now
select clock_timestamp()

-- name: resources
-- The columns of `ResourceSync`, in its order.
-- The log is read only for running syncs, whose counts are there: with 1,000 accounts it has millions of rows.
select
    states.account_id,
    states.resource,
    states.mode,
    states.status,
    states.started_at,
    states.finished_at,
    coalesce(running.rows_seen, states.rows_seen) as rows_seen,
    case when states.status <> 'running' then states.last_error end as error,
    states.last_complete_at
from ops.resource_states as states
left join ops.sync_runs as running on states.sync_run_id = running.sync_run_id and running.status = 'running'
where states.account_id = any(%(account_ids)s)
order by states.account_id, states.resource

-- name: webhooks
select
    accounts.account_id,
    coalesce(endpoints.state, 'unregistered') as state,
    endpoints.state_reason as reason,
    endpoints.checked_at,
    newest.received_at as last_event_at,
    pending.events as pending_events,
    pending.seconds as oldest_pending_seconds
from ops.accounts as accounts
left join ops.webhook_endpoints as endpoints on accounts.account_id = endpoints.account_id
left join lateral (
    select max(events.received_at) as received_at
    from ops.webhook_events as events
    where events.account_id = accounts.account_id
) as newest on true
cross join lateral (
    select
        count(*) as events,
        -- an event without an attempt waits since it was received or replayed
        greatest(
            extract(
                epoch from clock_timestamp()
                - min(case when events.attempts = 0 then events.next_try_at else events.received_at end)
            ),
            0
        )::float as seconds
    from ops.webhook_events as events
    where events.account_id = accounts.account_id and events.state = 'pending'
) as pending
where accounts.account_id = any(%(account_ids)s)

-- name: statuses
select account_id, status, reason, remedy
from ops.account_status
where account_id = any(%(account_ids)s)
