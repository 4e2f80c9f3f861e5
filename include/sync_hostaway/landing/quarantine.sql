-- name: put_entry
insert into ops.quarantine (account_id, resource, entity_id, severity, reason, payload, payload_hash, sync_run_id)
values (
    %(account_id)s, %(resource)s, %(entity_id)s, %(severity)s, %(reason)s, %(payload)s, %(payload_hash)s, %(sync_run_id)s
)
on conflict (account_id, resource, payload_hash, md5(reason)) do update set
    times_seen = quarantine.times_seen + 1,
    last_seen_at = now(),
    sync_run_id = excluded.sync_run_id,
    resolved_at = null

-- name: settle_entries
-- A row without errors settles its earlier entries.
update ops.quarantine
set resolved_at = now()
where
    account_id = %(account_id)s
    and resource = %(resource)s
    and resolved_at is null
    and entity_id = any(%(entity_ids)s)
    and not payload_hash = any(%(still_unreadable)s)
