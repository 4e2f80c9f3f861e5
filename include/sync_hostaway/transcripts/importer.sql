-- name: present
select entity_id, payload_hash from landing.transcripts where account_id = %(account_id)s and entity_id = any(%(ids)s)

-- name: open_load
insert into ops.loads (account_id, resource, rows_new, rows_changed)
values (%(account_id)s, 'transcripts', %(new)s, %(changed)s)
returning load_id

-- name: write
insert into landing.transcripts as landed (account_id, entity_id, payload, payload_hash, observed_at, load_id)
values (%(account_id)s, %(transcript_id)s, %(payload)s, %(payload_hash)s, clock_timestamp(), %(load_id)s)
on conflict (account_id, entity_id) do update set
    payload = excluded.payload,
    payload_hash = excluded.payload_hash,
    observed_at = excluded.observed_at,
    load_id = excluded.load_id,
    landed_at = now(),
    deleted_at = null
