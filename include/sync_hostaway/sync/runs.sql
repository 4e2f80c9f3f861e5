-- name: close_abandoned
-- An earlier try of this run that never gave a verdict was killed.
update ops.sync_runs
set verdict = 'failed', finished_at = clock_timestamp(), error = 'the process ended without a verdict'
where account_id = %(account_id)s and run_key = %(run_key)s and resource = %(resource)s and verdict = 'running'

-- name: start_run
insert into ops.sync_runs (account_id, run_key, resource, mode)
values (%(account_id)s, %(run_key)s, %(resource)s, %(mode)s)
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
    rows_tombstoned = %(tombstoned)s,
    api_calls = %(calls)s,
    retries = %(retries)s,
    throttled = %(throttled)s,
    bytes_received = %(bytes_received)s
where sync_run_id = %(sync_run_id)s

-- name: finish_run
update ops.sync_runs
set verdict = %(verdict)s, error = %(error)s, finished_at = clock_timestamp()
where sync_run_id = %(sync_run_id)s

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
-- A complete full walk knows better than any watermark before it.
insert into ops.watermarks (account_id, resource, watermark, sync_run_id)
values (%(account_id)s, %(resource)s, %(watermark)s, %(sync_run_id)s)
on conflict (account_id, resource) do update set
    watermark = excluded.watermark,
    sync_run_id = excluded.sync_run_id,
    updated_at = now()

-- name: last_full
select max(started_at) as started_at
from ops.sync_runs
where
    account_id = %(account_id)s
    and resource = %(resource)s
    and mode = 'full'
    and verdict in ('complete', 'repaired')

-- name: lock_resource
-- Two processes that sync the same resource of the same account take turns.
select pg_advisory_lock(hashtextextended('hostaway sync ' || %(resource)s, %(account_id)s))

-- name: unlock_resource
select pg_advisory_unlock(hashtextextended('hostaway sync ' || %(resource)s, %(account_id)s))

-- name: listing_ids
select entity_id::bigint as listing_id
from landing.listings
where account_id = %(account_id)s and deleted_at is null
order by listing_id

-- name: threads
-- The stamp changes with every message sent, received, scheduled or failed; a thread without any needs no call.
with threads as (
    select
        entity_id::bigint as conversation_id,
        concat_ws(
            '|',
            payload ->> 'messageSentOn',
            payload ->> 'messageReceivedOn',
            payload -> 'conversationMessages' -> 0 ->> 'id',
            payload -> 'conversationMessages' -> 0 ->> 'status',
            payload -> 'conversationMessages' -> 0 ->> 'updatedOn'
        ) as stamp
    from landing.conversations
    where account_id = %(account_id)s and deleted_at is null
)

select
    threads.conversation_id,
    threads.stamp
from threads
left join ops.threads as fetched
    on fetched.account_id = %(account_id)s and fetched.conversation_id = threads.conversation_id
where
    threads.stamp <> ''
    and (
        fetched.stamp is distinct from threads.stamp
        or (%(mode)s = 'full' and fetched.run_key <> %(run_key)s)
    )
order by threads.conversation_id

-- name: thread_fetched
insert into ops.threads (account_id, conversation_id, stamp, run_key, messages)
values (%(account_id)s, %(conversation_id)s, %(stamp)s, %(run_key)s, %(messages)s)
on conflict (account_id, conversation_id) do update set
    stamp = excluded.stamp,
    run_key = excluded.run_key,
    messages = excluded.messages,
    fetched_at = now()
