-- name: create_rows
create temporary table {rows} (like {table} including defaults, primary key (account_id, entity_id))

-- name: create_view
-- Landed rows, replaced by the rows that this dry run would write.
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

-- name: create_calendars
-- Reservations that would leave a listing make its calendar due, as the trigger note_left_calendar does in a sync.
create temporary view {view} as
select
    fetched.account_id,
    fetched.listing_id,
    fetched.first_day,
    fetched.last_day,
    fetched.run_key,
    fetched.fetched_at,
    coalesce(moved.left_at, fetched.left_at) as left_at
from ops.calendar_reads as fetched
left join (
    select distinct
        landed.account_id,
        ops.as_id(landed.payload -> 'listingMapId') as listing_id,
        timestamptz 'infinity' as left_at
    from {reservations} as landed
    inner join {rows} as written on landed.account_id = written.account_id and landed.entity_id = written.entity_id
    where ops.as_id(landed.payload -> 'listingMapId') is distinct from ops.as_id(written.payload -> 'listingMapId')
) as moved on fetched.account_id = moved.account_id and fetched.listing_id = moved.listing_id

-- name: drop_rows
drop table if exists {rows} cascade

-- name: refuse_writes
-- Temporary tables stay writable.
set default_transaction_read_only = on

-- name: allow_writes
set default_transaction_read_only = off

-- name: batch_ids
select entity_id from pg_temp.landing_batch

-- name: copy_rows
insert into {rows}
select * from {table}
where account_id = %(account_id)s and entity_id = any(%(entity_ids)s)
on conflict (account_id, entity_id) do nothing

-- name: clear_payloads
-- The hash shows whether a row changed, unless it was read by its id.
update pg_temp.landing_batch as batch
set payload = '{{}}'
where
    not batch.read_singly
    and not exists (
        select from {rows} as written
        where written.account_id = %(account_id)s and written.entity_id = batch.entity_id and written.read_singly
    )

-- name: orphans
select orphan.entity_id
from {table} as orphan
inner join {parents} as parent on parent.account_id = orphan.account_id and parent.entity_id::bigint = orphan.parent_id
where orphan.account_id = %(account_id)s and orphan.deleted_at is null and parent.deleted_at is not null
