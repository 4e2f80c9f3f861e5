-- The log of syncs, their watermarks, and the checkpoints of unfinished reads.

-- name: close_abandoned_attempts
-- The caller holds the lock of the resource, so no other sync of it runs: one without an end was killed, or could not
-- store its end.
update ops.sync_runs
set status = 'failed', finished_at = clock_timestamp(), error = 'process exited before finishing'
where account_id = %(account_id)s and resource = %(resource)s and mode <> 'delta' and status = 'running'

-- name: close_abandoned_syncs
-- A task is killed at the latest when its Dag run is; no sync of one resource takes a day.
update ops.sync_runs
set status = 'failed', finished_at = clock_timestamp(), error = 'process exited before finishing'
where status = 'running' and started_at < now() - interval '1 day'

-- name: start_run
insert into ops.sync_runs (account_id, run_key, resource, mode, since)
values (%(account_id)s, %(run_key)s, %(resource)s, %(mode)s, %(since)s)
returning sync_run_id

-- name: update_run
update ops.sync_runs
set
    rows_expected = %(expected)s,
    rows_seen = %(seen)s,
    rows_new = %(new)s,
    rows_changed = %(changed)s,
    rows_unchanged = %(unchanged)s,
    rows_quarantined = %(quarantined)s,
    rows_with_warnings = %(with_warnings)s,
    rows_deleted = %(deleted)s,
    api_calls = %(calls)s,
    retries = %(retries)s,
    throttled = %(throttled)s,
    bytes_received = %(bytes_received)s
where sync_run_id = %(sync_run_id)s

-- name: finish_run
update ops.sync_runs
set
    status = %(status)s,
    error = %(error)s,
    note = %(note)s,
    finished_at = clock_timestamp(),
    retry_until = case
        when %(status)s in ('incomplete', 'failed') then clock_timestamp() + %(retry_within)s::interval
    end
where sync_run_id = %(sync_run_id)s

-- name: recent_refusal
-- Hostaway's refusal of the last request for the list; null if it was a day ago, or if the list was returned since. The
-- limit is a little shorter than a day, because the next daily sync may begin a little earlier.
select newest.error
from (
    select runs.status, runs.error
    from ops.sync_runs as runs
    where
        runs.account_id = %(account_id)s
        and runs.resource = %(resource)s
        and runs.mode <> 'delta'
        and runs.sync_run_id <> %(sync_run_id)s
    order by runs.started_at desc
    limit 1
) as newest
where
    newest.status = 'refused'
    -- not a refusal of its parents, which Hostaway may return now
    and starts_with(newest.error, %(beginning)s)
    and exists (
        select 1
        from ops.sync_runs as asked
        where
            asked.account_id = %(account_id)s
            and asked.resource = %(resource)s
            and asked.mode <> 'delta'
            and asked.status = 'refused'
            and asked.api_calls > 0
            and asked.started_at > clock_timestamp() - interval '20 hours'
    )

-- name: run_has_failures
select coalesce(bool_or(tries.status in ('incomplete', 'failed')), false)
from (
    select distinct on (resource) status
    from ops.sync_runs
    where account_id = %(account_id)s and run_key = %(run_key)s and status <> 'running'
    order by resource, sync_run_id desc
) as tries

-- name: status_of
-- The newest try counts.
select status
from ops.sync_runs
where account_id = %(account_id)s and run_key = %(run_key)s and resource = %(parents)s
order by sync_run_id desc
limit 1

-- name: get_watermark
select watermark from ops.watermarks where account_id = %(account_id)s and resource = %(resource)s

-- name: advance_watermark
insert into ops.watermarks (account_id, resource, watermark, sync_run_id)
values (%(account_id)s, %(resource)s, %(watermark)s, %(sync_run_id)s)
on conflict (account_id, resource) do update set
    watermark = greatest(watermarks.watermark, excluded.watermark),
    sync_run_id = excluded.sync_run_id,
    updated_at = now()

-- name: set_watermark
-- A complete full read replaces any earlier watermark.
insert into ops.watermarks (account_id, resource, watermark, sync_run_id)
values (%(account_id)s, %(resource)s, %(watermark)s, %(sync_run_id)s)
on conflict (account_id, resource) do update set
    watermark = excluded.watermark,
    sync_run_id = excluded.sync_run_id,
    updated_at = now()

-- name: drop_stale_read
delete from ops.sync_reads
where
    account_id = %(account_id)s
    and resource = %(resource)s
    and (plan <> %(plan)s or continued_at < clock_timestamp() - %(stale_after)s)

-- name: start_read
-- Resuming a read does not change its age: otherwise a read that never ends would be resumed without a limit.
insert into ops.sync_reads (account_id, resource, plan, run_key)
values (%(account_id)s, %(resource)s, %(plan)s, %(run_key)s)
on conflict (account_id, resource) do update set continued_at = sync_reads.continued_at
returning run_key

-- name: end_read
delete from ops.sync_reads where account_id = %(account_id)s and resource = %(resource)s

-- name: checkpoints
select request, rows, count, requested_at, served_at
from ops.sync_checkpoints
where account_id = %(account_id)s and resource = %(resource)s
order by page

-- name: save_checkpoint
with continued as (
    update ops.sync_reads set continued_at = clock_timestamp() where account_id = %(account_id)s and resource = %(resource)s
)

insert into ops.sync_checkpoints (account_id, resource, page, request, rows, count, requested_at, served_at)
values (
    %(account_id)s, %(resource)s, %(page)s, %(request)s, %(rows)s, %(count)s, %(requested_at)s, %(served_at)s
)

-- name: read_today
-- Today in UTC, by the warehouse's clock; if an account syncs more often than daily, within read_again_after.
select exists (
    select 1 from ops.sync_runs
    where
        account_id = %(account_id)s
        and resource = %(resource)s
        and mode <> 'delta'
        and status in ('complete', 'complete_after_retry')
        and started_at >= coalesce(
            clock_timestamp() - %(read_again_after)s::interval, date_trunc('day', clock_timestamp(), 'UTC')
        )
) as is_read

-- name: list_was_read
insert into ops.lists_read (account_id, resource, read_at)
values (%(account_id)s, %(resource)s, clock_timestamp())
on conflict (account_id, resource) do update set read_at = excluded.read_at

-- name: list_was_read_lately
-- Read completely, and today in UTC by the database's clock; if read_again_after has a value, within that time.
select exists (
    select
    from ops.lists_read as lists
    where
        lists.account_id = %(account_id)s
        and lists.resource = %(resource)s
        and lists.read_at >= coalesce(
            clock_timestamp() - %(read_again_after)s::interval, date_trunc('day', clock_timestamp(), 'UTC')
        )
)

-- name: had_its_full_sync
-- After two incomplete days, a third attempt is not made. Days in UTC, by the warehouse's clock.
select
    count(*) filter (where status in ('complete', 'complete_after_retry')) > 0
    or count(distinct date_trunc('day', started_at, 'UTC')) filter (
        where status = 'incomplete' and started_at < date_trunc('day', clock_timestamp(), 'UTC')
    ) >= 2 as had
from ops.sync_runs
where
    account_id = %(account_id)s
    and resource = %(resource)s
    and mode = 'full'
    and since is null
    and started_at >= clock_timestamp() - make_interval(days => %(days)s)

-- name: had_its_full_sync_today
-- If an account syncs more often than daily: a sync of this day was complete, or two others were incomplete.
select
    count(*) filter (where status in ('complete', 'complete_after_retry')) > 0
    or count(distinct run_key) filter (where status = 'incomplete') >= 2 as had
from ops.sync_runs
where
    account_id = %(account_id)s
    and resource = %(resource)s
    and mode = 'full'
    and since is null
    and started_at >= date_trunc('day', clock_timestamp(), 'UTC')

-- name: now
select clock_timestamp() as now
