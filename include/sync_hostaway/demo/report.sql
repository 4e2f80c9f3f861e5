-- name: chains
-- A resource of a run is tried until one try is complete. The last try counts.
with tries as (
    select
        runs.*,
        row_number() over (partition by runs.account_id, runs.resource order by runs.sync_run_id desc) as place
    from ops.sync_runs as runs
    where runs.account_id = any(%(accounts)s) and runs.run_key = any(%(run_keys)s)
),

chains as (
    select
        tries.account_id,
        tries.resource,
        array_agg(tries.sync_run_id) as sync_run_ids,
        max(tries.status) filter (where tries.place = 1) as status,
        max(tries.error) filter (where tries.place = 1) as error,
        max(tries.rows_expected) filter (where tries.place = 1) as expected,
        max(tries.started_at at time zone 'UTC') filter (where tries.place = 1)::date as day,
        sum(tries.api_calls)::bigint as api_calls,
        sum(extract(epoch from coalesce(tries.finished_at, clock_timestamp()) - tries.started_at))::float as seconds
    from tries
    group by tries.account_id, tries.resource
)

select
    chains.account_id,
    chains.resource,
    chains.status,
    chains.error,
    chains.day,
    chains.api_calls,
    chains.seconds,
    -- A later try does not repeat conversations that an earlier one has read.
    case when chains.resource = 'messages' then read_conversations.messages else chains.expected end as expected,
    rejected.rows as rejected
from chains
cross join lateral (
    select coalesce(sum(fetched.messages), 0)::bigint as messages
    from ops.conversation_reads as fetched
    where fetched.account_id = chains.account_id and fetched.run_key = any(%(run_keys)s)
) as read_conversations
cross join lateral (
    select count(distinct coalesce(quarantine.entity_id, encode(quarantine.payload_hash, 'hex'))) as rows
    from ops.quarantine
    where
        quarantine.account_id = chains.account_id
        and quarantine.resource = chains.resource
        and quarantine.sync_run_id = any(chains.sync_run_ids)
        and quarantine.severity = 'rejected'
        and quarantine.resolved_at is null
) as rejected
order by chains.account_id, chains.resource

-- name: arrived
-- The rows are compared by id: a landed row is in core, or deferred, or missing. Calendar days: those of this run.
with windows as (
    select account_id, first_day, last_day
    from unnest(%(accounts)s::bigint[], %(first_days)s::text[], %(last_days)s::text[])
        as days (account_id, first_day, last_day)
),

landed as (
    {landed}
    union all
    -- Photos are part of the listings.
    select distinct 'listing_photos', listings.account_id, ops.as_id(image.payload -> 'id')::text collate "C", true
    from landing.listings
    cross join lateral jsonb_array_elements(ops.as_list(listings.payload -> 'listingImages')) as image (payload)
    where listings.deleted_at is null and ops.as_id(image.payload -> 'id') is not null
    union all
    select 'calendar_days', days.account_id, days.entity_id, days.deleted_at is null
    from landing.calendar_days as days
    inner join windows on days.account_id = windows.account_id
    where split_part(days.entity_id, ':', 2) between windows.first_day and windows.last_day
),

core as (
    {core}
    union all
    select 'listing_photos', account_id, photo_id::text from hostaway.listing_photos where not is_deleted
    union all
    select 'calendar_days', days.account_id, days.listing_id || ':' || to_char(days.date, 'YYYY-MM-DD')
    from hostaway.calendar_days as days
    inner join windows on days.account_id = windows.account_id
    where not days.is_deleted and days.date between windows.first_day::date and windows.last_day::date
),

compared as (
    select
        coalesce(landed.account_id, core.account_id) as account_id,
        coalesce(landed.table_name, core.table_name) as table_name,
        landed.entity_id is not null as is_landed,
        coalesce(landed.is_live, false) as is_live,
        core.entity_id is not null as is_in_core,
        deferred.entity_id is not null as is_deferred
    from landed
    full join core
        on
            landed.table_name = core.table_name
            and landed.account_id = core.account_id
            and landed.entity_id = core.entity_id
    left join ops.deferred_rows as deferred
        on
            deferred.resource = landed.table_name
            and deferred.account_id = landed.account_id
            and deferred.entity_id = landed.entity_id
)

select
    account_id,
    table_name,
    count(*) filter (where is_live) as landed,
    count(*) filter (where is_landed) as ever_landed,
    count(*) filter (where is_in_core) as core,
    count(*) filter (where is_live and is_deferred) as deferred,
    count(*) filter (where is_live and not is_in_core and not is_deferred) as missing
from compared
where account_id = any(%(accounts)s)
group by account_id, table_name
union all
-- Guests come from reservations: each reservation has its guest.
select
    windows.account_id,
    'guests',
    null,
    null,
    (select count(*) from hostaway.guests where guests.account_id = windows.account_id and not guests.is_deleted),
    0,
    (
        select count(*)
        from hostaway.reservations
        where
            reservations.account_id = windows.account_id
            and not reservations.is_deleted
            and not exists (
                select 1 from hostaway.guests
                where guests.account_id = reservations.account_id and guests.guest_id = reservations.guest_id
            )
    )
from windows

-- name: transforms_since
select
    count(*) as transforms,
    coalesce(sum(extract(epoch from finished_at - started_at)), 0)::float as seconds
from ops.transforms
where started_at >= %(since)s
