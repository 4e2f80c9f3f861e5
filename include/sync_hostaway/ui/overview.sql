-- name: statuses
-- Only what the page shows: PostgreSQL does not compute the other columns of the view.
select
    account_id,
    name,
    status,
    reason,
    remedy,
    complete_at,
    age_seconds,
    rows_mirrored,
    calls_today,
    calls_per_second,
    webhook_state,
    pending_events,
    oldest_pending_seconds,
    dead_events,
    quarantined_rows,
    deferred_rows
from ops.account_status

-- name: days
select account_id, day, complete, incomplete, failed, api_calls, rows_changed
from ops.account_days
where account_id = any(%(account_ids)s) and day > (now() at time zone 'UTC')::date - 30

-- name: transform
select
    (select count(*) from ops.loads where transformed_at is null) as pending_loads,
    (
        select extract(epoch from now() - min(landed_at))::double precision from ops.loads where transformed_at is null
    ) as oldest_seconds,
    newest.state,
    newest.error,
    newest.started_at,
    newest.finished_at
from (select 1) as always
left join lateral (
    select state, error, started_at, finished_at from ops.transforms order by transform_id desc limit 1
) as newest on true
