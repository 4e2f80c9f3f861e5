-- name: landed
select entity_id, payload, observed_at, deleted_at is not null as is_deleted
from {table}
where account_id = %(account_id)s and entity_id = any(%(entity_ids)s)

-- name: loads_of_batch
-- The loads of this batch, by entity.
select landed.entity_id, landed.load_id
from {table} as landed
inner join ops.loads as loads on landed.load_id = loads.load_id
where
    landed.account_id = %(account_id)s
    and landed.entity_id = any(%(entity_ids)s)
    and loads.sync_run_id = any(%(sync_run_ids)s)

-- name: open_run
insert into ops.sync_runs (account_id, run_key, resource, mode, started_at)
values (%(account_id)s, %(run_key)s, %(resource)s, 'delta', %(started_at)s)
returning sync_run_id

-- name: close_run
update ops.sync_runs
set
    status = 'complete',
    rows_seen = %(seen)s,
    rows_new = %(new)s,
    rows_changed = %(changed)s,
    rows_unchanged = %(unchanged)s,
    rows_quarantined = %(quarantined)s,
    rows_with_warnings = %(with_warnings)s,
    rows_deleted = %(deleted)s,
    api_calls = %(api_calls)s,
    finished_at = clock_timestamp()
where sync_run_id = %(sync_run_id)s

-- name: conversation_fetched
-- The next sync then skips the conversation. Not if another process has landed a newer version of it.
insert into ops.conversation_reads as known (account_id, conversation_id, stamp, run_key, messages)
select account_id, %(conversation_id)s, ops.conversation_stamp(payload), %(run_key)s, %(messages)s
from landing.conversations
where
    account_id = %(account_id)s
    and entity_id = %(conversation_id)s::text
    and observed_at <= %(observed_at)s
on conflict (account_id, conversation_id) do update set
    stamp = excluded.stamp,
    run_key = excluded.run_key,
    messages = excluded.messages,
    moved_at = case when known.moved_at > %(observed_at)s then known.moved_at end,
    fetched_at = now()
