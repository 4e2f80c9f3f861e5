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

-- name: list_was_read_today
-- Read completely, and today in UTC by the database's clock.
select exists (
    select
    from ops.lists_read as lists
    where
        lists.account_id = %(account_id)s
        and lists.resource = %(resource)s
        and lists.read_at >= date_trunc('day', clock_timestamp(), 'UTC')
)

-- name: list_was_read_lately
-- Read completely, and today in UTC; if an account syncs more often than daily, within read_again_after.
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

-- name: conversations_of
select
    conversations.entity_id::bigint as conversation_id,
    ops.as_id(conversations.payload -> 'reservationId') as reservation_id
from landing.conversations as conversations
where
    conversations.account_id = %(account_id)s
    and conversations.deleted_at is null
    and ops.as_id(conversations.payload -> 'reservationId') = any(%(reservation_ids)s::bigint[])

-- name: conversations_moved
-- Their messages are read next, also if the stamp of the list has not changed.
insert into ops.conversation_reads as known (account_id, conversation_id, stamp, run_key, messages, moved_at)
select %(account_id)s, conversations.entity_id::bigint, '', '', 0, clock_timestamp()
from landing.conversations as conversations
where
    conversations.account_id = %(account_id)s
    and conversations.deleted_at is null
    and ops.as_id(conversations.payload -> 'reservationId') = any(%(reservation_ids)s::bigint[])
on conflict (account_id, conversation_id) do update set moved_at = excluded.moved_at

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

-- name: due_calendars
-- A calendar is due in three cases: once a day, because the window moves; when its last read is older than
-- read_again_after (null if an account syncs daily); when a reservation of its listing was added, changed or moved away
-- since. Reservations that landed after the oldest calendar read are selected once, not for each listing.
with calendars as materialized (
    select
        listings.entity_id,
        fetched.first_day,
        fetched.last_day,
        fetched.run_key,
        fetched.left_at,
        fetched.fetched_at,
        ops.is_archived(listings.payload) as is_archived
    from {listings} as listings
    left join {read_calendars} as fetched
        on fetched.account_id = listings.account_id and fetched.listing_id = listings.entity_id::bigint
    where listings.account_id = %(account_id)s and listings.deleted_at is null
),

touched as materialized (
    select
        ops.as_id(reservations.payload -> 'listingMapId') as listing_id,
        max(reservations.landed_at) as landed_at
    from {reservations} as reservations
    where
        reservations.account_id = %(account_id)s
        and reservations.landed_at > (select min(calendars.fetched_at) from calendars)
        -- both ends: the planner takes the index for a range
        and reservations.landed_at < 'infinity'
    group by ops.as_id(reservations.payload -> 'listingMapId')
)

select calendars.entity_id::bigint as listing_id
from calendars
left join touched on calendars.entity_id::bigint = touched.listing_id
where
    (calendars.first_day, calendars.last_day) is distinct from (%(first_day)s::date, %(last_day)s::date)
    or (%(mode)s = 'full' and calendars.run_key <> %(read_key)s)
    or greatest(touched.landed_at, calendars.left_at) > calendars.fetched_at
    or (%(mode)s = 'incremental' and calendars.fetched_at < clock_timestamp() - %(read_again_after)s::interval)
order by calendars.is_archived, listing_id

-- name: forget_deleted_listings
delete from ops.calendar_reads as fetched
using landing.listings
where
    fetched.account_id = %(account_id)s
    and listings.account_id = %(account_id)s
    and listings.deleted_at is not null
    and listings.entity_id::bigint = fetched.listing_id

-- name: calendars_fetched
insert into ops.calendar_reads (account_id, listing_id, first_day, last_day, run_key, fetched_at)
select %(account_id)s, listing_id, %(first_day)s, %(last_day)s, %(read_key)s, %(requested_at)s
from unnest(%(listing_ids)s::bigint[]) as answer (listing_id)
on conflict (account_id, listing_id) do update set
    first_day = excluded.first_day,
    last_day = excluded.last_day,
    run_key = excluded.run_key,
    fetched_at = excluded.fetched_at

-- name: conversations_to_read
-- A conversation without a change of its stamp, or without messages, needs no call. The payload is unpacked once,
-- because a stamp reads five fields of a large document. Changed conversations come first, so that repeated reads reach
-- conversations that were never read.
with conversations as materialized (
    select
        landed.entity_id::bigint as conversation_id,
        ops.conversation_stamp(unpacked.payload) as stamp,
        greatest(unpacked.payload ->> 'messageSentOn', unpacked.payload ->> 'messageReceivedOn') as active_on
    from {conversations} as landed
    cross join lateral (select landed.payload || '{{}}'::jsonb as payload limit all offset 0) as unpacked
    where landed.account_id = %(account_id)s and landed.deleted_at is null
)

select
    conversations.conversation_id,
    conversations.stamp
from conversations
left join ops.conversation_reads as fetched
    on fetched.account_id = %(account_id)s and fetched.conversation_id = conversations.conversation_id
where
    (conversations.stamp <> '' or fetched.messages > 0 or fetched.moved_at is not null)
    and (
        fetched.stamp is distinct from conversations.stamp
        or fetched.moved_at is not null
        or (%(mode)s = 'full' and fetched.run_key <> %(read_key)s)
    )
    -- as Hostaway writes them, stamps sort as text
    and (
        %(since)s::timestamptz is null
        or conversations.active_on >= to_char(%(since)s::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
    )
-- Those with the newest messages come first: a first sync takes hours, and users need these first.
order by
    fetched.stamp is not distinct from conversations.stamp,
    conversations.active_on desc nulls last,
    conversations.conversation_id

-- name: forget_deleted_conversations
delete from ops.conversation_reads as fetched
using landing.conversations
where
    fetched.account_id = %(account_id)s
    and conversations.account_id = %(account_id)s
    and conversations.deleted_at is not null
    and conversations.entity_id::bigint = fetched.conversation_id

-- name: conversations_fetched
insert into ops.conversation_reads as known (account_id, conversation_id, stamp, run_key, messages)
select %(account_id)s, conversation_id, stamp, %(read_key)s, messages
from unnest(%(conversation_ids)s::bigint[], %(stamps)s::text[], %(messages)s::integer[])
    as answer (conversation_id, stamp, messages)
on conflict (account_id, conversation_id) do update set
    stamp = excluded.stamp,
    run_key = excluded.run_key,
    messages = excluded.messages,
    moved_at = case when known.moved_at > %(requested_at)s then known.moved_at end,
    fetched_at = now()

-- name: reservations_with_finance
-- Those that reports may show, and whether they changed since their finance fields were read.
select
    landed.entity_id::bigint as reservation_id,
    unpacked.payload ->> 'updatedOn' as updated_on,
    unpacked.payload ->> 'arrivalDate' as "arrivalDate",
    unpacked.payload ->> 'departureDate' as "departureDate",
    unpacked.payload ->> 'reservationDate' as "reservationDate",
    unpacked.payload ->> 'status' in ('new', 'modified') as is_booking,
    finance.payload ->> 'financeSource' as source,
    finance.deleted_at is not null
    or finance.payload ->> 'reservationUpdatedOn' is distinct from unpacked.payload ->> 'updatedOn'
    or finance.entity_id is null as has_changed
from {reservations} as landed
cross join lateral (select landed.payload || '{{}}'::jsonb as payload limit all offset 0) as unpacked
left join {reservation_finance} as finance
    on finance.account_id = landed.account_id and finance.entity_id = landed.entity_id
where
    landed.account_id = %(account_id)s
    and landed.deleted_at is null
    and unpacked.payload ->> 'status' in ('new', 'modified', 'ownerStay', 'cancelled')
order by landed.entity_id

-- name: finance_of_deleted
select finance.entity_id::bigint as reservation_id
from {reservation_finance} as finance
inner join {reservations} as reservations
    on reservations.account_id = finance.account_id and reservations.entity_id = finance.entity_id
where finance.account_id = %(account_id)s and finance.deleted_at is null and reservations.deleted_at is not null

-- name: landed_statements
select entity_id::bigint as statement_id, payload ->> 'insertedOn' as inserted_on
from {owner_statements}
where account_id = %(account_id)s and deleted_at is null

-- name: due_reservation_logs
-- Of reservations that landed since their log was read, or that have not been read; in full mode, all that this read has
-- not reached. Those with the newest changes come first.
select landed.entity_id::bigint as reservation_id
from {reservations} as landed
left join ops.reservation_log_reads as fetched
    on fetched.account_id = landed.account_id and fetched.reservation_id = landed.entity_id::bigint
where
    landed.account_id = %(account_id)s
    and landed.deleted_at is null
    and (
        fetched.fetched_at is null
        or landed.landed_at > fetched.fetched_at
        or (%(mode)s = 'full' and fetched.run_key <> %(read_key)s)
    )
    and (%(since)s::timestamptz is null or landed.source_updated_at >= %(since)s::timestamptz)
order by landed.source_updated_at desc nulls last, reservation_id

-- name: reservation_logs_fetched
insert into ops.reservation_log_reads (account_id, reservation_id, run_key, fetched_at)
select %(account_id)s, reservation_id, %(read_key)s, %(requested_at)s
from unnest(%(reservation_ids)s::bigint[]) as answer (reservation_id)
on conflict (account_id, reservation_id) do update set
    run_key = excluded.run_key,
    fetched_at = excluded.fetched_at

-- name: forget_deleted_reservations
delete from ops.reservation_log_reads as fetched
using landing.reservations
where
    fetched.account_id = %(account_id)s
    and reservations.account_id = %(account_id)s
    and reservations.deleted_at is not null
    and reservations.entity_id::bigint = fetched.reservation_id
