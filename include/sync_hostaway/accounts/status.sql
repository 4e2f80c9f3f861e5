-- name: resources
-- A delta is not a sync of a resource: it fetches single objects. The counts of a running sync are in its log.
select
    states.account_id,
    states.resource,
    states.mode,
    states.status,
    states.started_at,
    states.finished_at,
    runs.rows_seen,
    runs.error,
    states.last_complete_at,
    extract(epoch from clock_timestamp() - states.last_complete_at)::float as age_seconds
from ops.resource_states as states
inner join ops.sync_runs as runs on states.sync_run_id = runs.sync_run_id
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
        coalesce(extract(epoch from clock_timestamp() - min(events.received_at)), 0)::float as seconds
    from ops.webhook_events as events
    where events.account_id = accounts.account_id and events.state = 'pending'
) as pending
where accounts.account_id = any(%(account_ids)s)

-- name: statuses
select account_id, status, reason, remedy
from ops.account_status
where account_id = any(%(account_ids)s)
