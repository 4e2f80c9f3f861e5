-- name: create_batch
create temporary table if not exists landing_batch (
    entity_id         text collate "C" not null,
    parent_id         bigint,
    payload           text not null,
    payload_hash      bytea not null,
    source_updated_at timestamptz,
    observed_at       timestamptz not null,
    read_singly       boolean not null
) on commit delete rows

-- name: copy_batch
copy pg_temp.landing_batch (
    entity_id, parent_id, payload, payload_hash, source_updated_at, observed_at, read_singly
) from stdin

-- name: drop_unchanged
-- An equal payload only costs an index look-up: no row version, no load, no transform.
delete from pg_temp.landing_batch as batch
where (
    select
        landed.deleted_at is null
        and landed.suspect_since is null
        and case
            -- the hash leaves out fields that only a single read has
            when batch.read_singly then landed.payload = batch.payload::jsonb
            else landed.payload_hash = batch.payload_hash
        end
    from {table} as landed
    where landed.account_id = %(account_id)s and landed.entity_id = batch.entity_id
)

-- name: drop_unchanged_partial
-- As drop_unchanged, for a list that has fewer fields of an object than a single read. Only few rows are compared:
-- those with all fields in the list have the same hash.
delete from pg_temp.landing_batch as batch
where not batch.read_singly and (
    select
        landed.deleted_at is null
        and landed.suspect_since is null
        and landed.payload = batch.payload::jsonb || {fields_kept}
    from {table} as landed
    where landed.account_id = %(account_id)s and landed.entity_id = batch.entity_id and landed.read_singly
)

-- name: restore_single_read_fields
-- Fields that a list does not have keep the value of the single read. The rows are locked, so that rows of another
-- writer are not lost before this batch is written.
with landed as materialized (
    select landed.entity_id, landed.payload, landed.source_updated_at
    from {table} as landed
    where
        landed.account_id = %(account_id)s
        and landed.read_singly
        and landed.entity_id = any(
            select listed.entity_id from pg_temp.landing_batch as listed where not listed.read_singly
        )
    order by landed.entity_id
    for no key update
)

update pg_temp.landing_batch as batch
set payload = (batch.payload::jsonb || {fields_kept})::text
from landed
where landed.entity_id = batch.entity_id and not batch.read_singly

-- name: fields_kept
ops.fields_kept(
    landed.payload,
    batch.payload::jsonb,
    coalesce(batch.source_updated_at = landed.source_updated_at, false),
    %(single_fields)s,
    %(filled)s
)

-- name: drop_older
-- Older never overwrites newer: by the source's own stamp where it has one, then by when the request was sent. A stamp
-- later than its request counts as the time of the request: otherwise it would block every change until then.
delete from pg_temp.landing_batch as batch
where (
    select
        (
            least(coalesce(batch.source_updated_at, landed.source_updated_at, '-infinity'), batch.observed_at),
            batch.observed_at
        ) < (
            least(coalesce(landed.source_updated_at, batch.source_updated_at, '-infinity'), landed.observed_at),
            landed.observed_at
        )
    from {table} as landed
    where landed.account_id = %(account_id)s and landed.entity_id = batch.entity_id
)

-- name: count_batch
select count(*) as rows from pg_temp.landing_batch

-- name: empty_batch
delete from pg_temp.landing_batch

-- name: open_load
insert into ops.loads (account_id, resource, sync_run_id)
values (%(account_id)s, %(resource)s, %(sync_run_id)s)
returning load_id

-- name: upsert
-- The conditions are repeated here, because another writer may have committed after drop_unchanged and drop_older.
with written as (
    insert into {table} as landed (
        account_id, entity_id, parent_id, payload, payload_hash, source_updated_at, observed_at, read_singly, load_id
    )
    select
        %(account_id)s,
        entity_id,
        parent_id,
        payload::jsonb,
        payload_hash,
        source_updated_at,
        observed_at,
        read_singly,
        %(load_id)s
    from pg_temp.landing_batch
    order by entity_id
    on conflict (account_id, entity_id) do update set
        parent_id = excluded.parent_id,
        payload = excluded.payload,
        payload_hash = excluded.payload_hash,
        source_updated_at = coalesce(excluded.source_updated_at, landed.source_updated_at),
        observed_at = excluded.observed_at,
        read_singly = landed.read_singly or excluded.read_singly,
        load_id = excluded.load_id,
        landed_at = now(),
        deleted_at = null,
        suspect_since = null
    where
        (
            landed.payload_hash <> excluded.payload_hash
            or landed.deleted_at is not null
            or landed.suspect_since is not null
            or (excluded.read_singly and landed.payload <> excluded.payload)
        )
        and (
            least(coalesce(excluded.source_updated_at, landed.source_updated_at, '-infinity'), excluded.observed_at),
            excluded.observed_at
        ) >= (
            least(coalesce(landed.source_updated_at, excluded.source_updated_at, '-infinity'), landed.observed_at),
            landed.observed_at
        )
    returning (landed.xmax = 0) as is_new
)

select
    count(*) filter (where is_new) as rows_new,
    count(*) filter (where not is_new) as rows_changed
from written

-- name: close_load
update ops.loads
set rows_new = %(rows_new)s, rows_changed = %(rows_changed)s
where load_id = %(load_id)s

-- name: is_unseen
account_id = %(account_id)s
and deleted_at is null
and (%(parent_ids)s::bigint[] is null or parent_id = any(%(parent_ids)s::bigint[]))
and observed_at < %(before)s
and not (entity_id = any(%(seen)s))

-- name: unseen
select entity_id, parent_id from {table} where {is_unseen} order by entity_id

-- name: count_active
select count(*) as rows
from {table}
where
    account_id = %(account_id)s
    and deleted_at is null
    and (%(parent_ids)s::bigint[] is null or parent_id = any(%(parent_ids)s::bigint[]))

-- name: mark_deleted_unseen
-- A missing row is deleted only after a complete read. The row stays, and becomes active when it is read again.
update {table}
set deleted_at = now(), load_id = %(load_id)s
where {is_unseen}

-- name: mark_deleted
-- observed_at is now, so that an older version of the row that lands late does not make it active.
update {table}
set deleted_at = now(), observed_at = %(observed_at)s, load_id = %(load_id)s
where
    account_id = %(account_id)s
    and entity_id = any(%(entity_ids)s)
    and deleted_at is null
    and observed_at < %(observed_at)s

-- name: cascade_deletes
-- Children of a deleted object are deleted, too: Hostaway no longer returns them.
update {table} as child
set deleted_at = now(), load_id = %(load_id)s
from {parents} as parent
where
    child.account_id = %(account_id)s
    and child.deleted_at is null
    and parent.account_id = %(account_id)s
    and parent.deleted_at is not null
    and parent.entity_id::bigint = child.parent_id

-- name: mark_suspect
-- A later version was quarantined: the row is not what Hostaway has. The mark stays until a version lands.
update {table} as landed
set suspect_since = now(), load_id = %(load_id)s
from unnest(%(entity_ids)s::text[], %(stamps)s::timestamptz[], %(observed)s::timestamptz[])
    as rejected (entity_id, source_updated_at, observed_at)
where
    landed.account_id = %(account_id)s
    and landed.entity_id = rejected.entity_id
    and landed.suspect_since is null
    and landed.observed_at <= rejected.observed_at
    and coalesce(rejected.source_updated_at >= landed.source_updated_at, true)

-- name: drop_load
delete from ops.loads where load_id = %(load_id)s
