-- name: create_rows
create temporary table {rows} (like {table} including defaults, primary key (account_id, entity_id))

-- name: create_view
-- What has landed, with the rows that this dry run would write in place of theirs.
create temporary view {view} as
select landed.*
from {table} as landed
where
    not exists (
        select from {rows} as written
        where written.account_id = landed.account_id and written.entity_id = landed.entity_id
    )
union all
select written.* from {rows} as written

-- name: drop_rows
drop table if exists {rows} cascade

-- name: refuse_writes
-- Temporary tables can be written to even then.
set default_transaction_read_only = on

-- name: allow_writes
set default_transaction_read_only = off

-- name: changes
select
    count(*) filter (where landed.entity_id is null) as rows_new,
    count(*) filter (where landed.entity_id is not null) as rows_changed
from pg_temp.landing_batch as batch
left join {table} as landed on landed.account_id = %(account_id)s and landed.entity_id = batch.entity_id

-- name: keep_batch
insert into {rows} (
    account_id, entity_id, parent_id, payload, payload_hash, source_updated_at, observed_at, load_id, landed_at
)
select
    %(account_id)s,
    entity_id,
    parent_id,
    case when %(keep_payload)s then payload::jsonb else '{{}}' end,
    payload_hash,
    source_updated_at,
    observed_at,
    0,
    clock_timestamp()
from pg_temp.landing_batch
on conflict (account_id, entity_id) do update set
    payload = excluded.payload,
    payload_hash = excluded.payload_hash,
    source_updated_at = excluded.source_updated_at,
    observed_at = excluded.observed_at,
    landed_at = excluded.landed_at,
    deleted_at = null

-- name: take_over
insert into {rows}
select * from {table}
where account_id = %(account_id)s and entity_id = any(%(entity_ids)s)
on conflict (account_id, entity_id) do nothing

-- name: mark_deleted
update {rows}
set deleted_at = clock_timestamp()
where account_id = %(account_id)s and entity_id = any(%(entity_ids)s)

-- name: orphans
select orphan.entity_id
from {table} as orphan
inner join {parents} as parent on parent.account_id = orphan.account_id and parent.entity_id::bigint = orphan.parent_id
where orphan.account_id = %(account_id)s and orphan.deleted_at is null and parent.deleted_at is not null
