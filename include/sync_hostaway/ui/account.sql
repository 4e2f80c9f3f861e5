-- name: status
select * from ops.account_status where account_id = %(account_id)s

-- name: resources
select * from ops.resource_status
where account_id = %(account_id)s
order by ops.status_rank(status), resource

-- name: history
-- The newest syncs of each resource, oldest first.
select
    runs.resource,
    runs.status as status,
    runs.rows_seen,
    runs.api_calls,
    runs.finished_at,
    extract(epoch from runs.finished_at - runs.started_at)::double precision as seconds
from unnest(%(resources)s::text []) as wanted (resource)
cross join lateral (
    select *
    from ops.sync_runs as newest
    where newest.account_id = %(account_id)s and newest.resource = wanted.resource and newest.mode <> 'delta'
    order by newest.started_at desc
    limit 20
) as runs
where runs.finished_at is not null
order by runs.resource, runs.started_at

-- name: days
select day, complete, incomplete, failed, api_calls, rows_changed
from ops.account_days
where account_id = %(account_id)s and day > (now() at time zone 'UTC')::date - 30

-- name: running
-- The expected end follows from the pace so far, if the list has a count.
select
    runs.sync_run_id,
    runs.run_key,
    runs.resource,
    runs.mode,
    runs.started_at,
    runs.rows_seen,
    coalesce(runs.rows_expected, earlier.rows_seen) as rows_expected,
    runs.api_calls,
    runs.throttled,
    extract(epoch from clock_timestamp() - runs.started_at)::double precision as seconds,
    case
        when runs.rows_seen > 0 and coalesce(runs.rows_expected, earlier.rows_seen) >= runs.rows_seen
            then extract(epoch from clock_timestamp() - runs.started_at)::double precision
                * (coalesce(runs.rows_expected, earlier.rows_seen) - runs.rows_seen) / runs.rows_seen
    end as seconds_left
from ops.sync_runs as runs
left join lateral (
    select previous.rows_seen
    from ops.sync_runs as previous
    where
        previous.account_id = runs.account_id
        and previous.resource = runs.resource
        and previous.mode = runs.mode
        and previous.status in ('complete', 'complete_after_retry')
        and previous.started_at < runs.started_at
    order by previous.started_at desc
    limit 1
) as earlier on true
where runs.account_id = %(account_id)s and runs.status = 'running' and runs.mode <> 'delta'
order by runs.started_at

-- name: waiting
-- Why calls of this account wait now: Hostaway answered 429, or the request budget has no permit.
select
    greatest(
        (select max(blocked_until) from ops.rate_limit_scopes where scope = 'account' and key = %(account_id)s::text),
        (select max(blocked_until) from ops.rate_limit_scopes where scope = 'ip')
    ) as blocked_until,
    (
        select count(*) from ops.rate_limit_waiters
        where account_id = %(account_id)s and due_at > clock_timestamp() - interval '10 seconds'
    ) as waiters,
    (
        select max(due_at) from ops.rate_limit_waiters
        where account_id = %(account_id)s and due_at > clock_timestamp() - interval '10 seconds'
    ) as due_at

-- name: event_counts
select state, count(*) as events
from ops.webhook_events
where account_id = %(account_id)s and received_at > now() - interval '7 days'
group by state
order by state

-- name: quarantine
select quarantine_id, resource, entity_id, severity, reason, times_seen, first_seen_at, last_seen_at
from ops.quarantine
where account_id = %(account_id)s and resolved_at is null
order by last_seen_at desc
limit 50

-- name: quarantined_payload
select quarantine_id, resource, entity_id, reason, payload
from ops.quarantine
where account_id = %(account_id)s and quarantine_id = %(quarantine_id)s

-- name: sync_log
select
    sync_run_id,
    run_key,
    resource,
    mode,
    status as status,
    rows_expected,
    rows_seen,
    rows_seen - rows_quarantined as rows_landed,
    rows_new,
    rows_changed,
    rows_deleted as rows_deleted,
    api_calls,
    retries,
    throttled,
    coalesce(error, note) as note,
    started_at,
    finished_at,
    extract(epoch from finished_at - started_at)::double precision as seconds
from ops.sync_runs
where account_id = %(account_id)s and mode <> 'delta'
order by sync_run_id desc
limit 60

-- name: changes
select changed_at, changed_by, what, before, after
from ops.account_changes
where account_id = %(account_id)s
order by change_id desc
limit 30
