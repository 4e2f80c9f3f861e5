-- name: accounts
select
    account_id,
    status,
    status in ('failing', 'action_required') as is_failing,
    age_seconds,
    rows_mirrored,
    quarantined_rows,
    rejected_rows,
    deferred_rows,
    pending_events,
    dead_events,
    running_syncs
from ops.account_status

-- name: totals
-- Kept by a trigger: days are removed after their retention, and counters must not fall.
select account_id, api_calls, rows_changed, complete, incomplete, failed from ops.account_totals

-- name: inbox
-- One query for each state: each has an index of its own, which is as small as the backlog.
select
    count(*) as pending,
    (select count(*) from ops.webhook_events where state = 'dead') as dead,
    -- an event without an attempt waits since it was received or replayed
    greatest(
        extract(epoch from now() - min(case when attempts = 0 then next_try_at else received_at end)), 0
    )::double precision as oldest_seconds
from ops.webhook_events
where state = 'pending'

-- name: freshness
-- From the webhook to the row that readers see, of the events of the last hour.
select
    array[
        count(*) filter (where seconds <= 0.5), count(*) filter (where seconds <= 1),
        count(*) filter (where seconds <= 2), count(*) filter (where seconds <= 5),
        count(*) filter (where seconds <= 10), count(*) filter (where seconds <= 30),
        count(*) filter (where seconds <= 60), count(*) filter (where seconds <= 300),
        count(*)
    ] as buckets,
    coalesce(sum(seconds), 0)::double precision as seconds
from (
    select extract(epoch from greatest(events.finished_at, loads.transformed_at) - events.received_at) as seconds
    from ops.webhook_events as events
    left join ops.loads as loads on events.load_id = loads.load_id
    where
        events.received_at > now() - interval '1 hour'
        and events.state = 'done'
        and (events.load_id is null or loads.transformed_at is not null)
) as served

-- name: permits
select key as address, count(*) as permits
from ops.rate_limit_permits
where scope = 'ip' and free_at > clock_timestamp()
group by key

-- name: waiters
select ip_key as address, priority, sum(wanted)::integer as calls
from ops.rate_limit_waiters
where due_at > clock_timestamp() - interval '10 seconds'
group by ip_key, priority

-- name: transform
select
    (select count(*) from ops.loads where transformed_at is null) as pending_loads,
    coalesce(
        (select extract(epoch from now() - min(landed_at)) from ops.loads where transformed_at is null), 0
    )::double precision as oldest_seconds,
    (
        select extract(epoch from finished_at - started_at)::double precision
        from ops.transforms
        where state = 'succeeded'
        order by transform_id desc
        limit 1
    ) as seconds,
    (
        select (state = 'failed')::integer from ops.transforms where state <> 'running' order by transform_id desc limit 1
    ) as is_failing

-- name: alerts
select kind, count(*) as alerts from ops.alerts where ended_at is null group by kind
