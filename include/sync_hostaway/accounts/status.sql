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
where %(account_id)s::bigint is null or states.account_id = %(account_id)s
order by states.account_id, states.resource

-- name: statuses
-- No array of ids: the view computes one account, or all.
select
    status.account_id,
    status.status,
    status.reason,
    status.remedy,
    status.webhook_state,
    status.webhook_reason,
    endpoints.checked_at,
    newest.received_at as last_event_at,
    status.pending_events,
    status.oldest_pending_seconds
from ops.account_status as status
left join ops.webhook_endpoints as endpoints on status.account_id = endpoints.account_id
cross join lateral (
    select max(events.received_at) as received_at
    from ops.webhook_events as events
    where events.account_id = status.account_id
) as newest
where %(account_id)s::bigint is null or status.account_id = %(account_id)s
