-- What a sync reads next, by what has landed; and what it has read of each parent.

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
