-- name: loads
-- One for each account. Returns the first.
with opened as (
    insert into ops.loads (account_id, resource)
    select account, %(resource)s from generate_series(1, %(accounts)s) as account
    order by account
    returning load_id
)

select min(load_id) from opened

-- name: load
insert into ops.loads (account_id, resource) values (0, %(resource)s) returning load_id

-- name: register
insert into ops.accounts (account_id, name, created_at)
select distinct account_id, 'Account ' || account_id, now() - interval '90 days'
from landing.listings
on conflict do nothing

-- name: size
select pg_database_size(current_database())

-- name: syncs
-- As many days of daily syncs of every resource.
insert into ops.sync_runs (
    account_id, run_key, resource, mode, status, rows_expected, rows_seen, api_calls, started_at, finished_at
)
select
    accounts.account_id,
    'scheduled__' || day,
    resource,
    case day %% 7 when 0 then 'full' else 'incremental' end,
    'complete',
    500,
    500,
    3,
    began,
    began + interval '20 seconds'
from generate_series(%(days)s - 1, 0, -1) as day
cross join ops.accounts as accounts
cross join unnest(%(resources)s::text[]) as resource
cross join lateral (
    select now() - day * interval '1 day' - (1 + accounts.account_id %% 600) * interval '1 minute' as began
) as time

-- name: tables
-- Tables with rows of accounts.
select
    columns.table_schema as schema_name,
    columns.table_name as table_name
from information_schema.columns as columns
inner join information_schema.tables as tables using (table_schema, table_name)
where
    columns.table_schema = any(%(schemas)s::text[])
    and columns.column_name = 'account_id'
    and tables.table_type = 'BASE TABLE'
    and columns.table_name <> 'sync_logs'
order by 1, 2

-- name: columns
select attname as column_name
from pg_attribute
where attrelid = to_regclass(%(table)s) and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum

-- name: largest_reservation_id
select max(reservation_id) from hostaway.reservations

-- name: listings
insert into landing.listings (account_id, entity_id, payload, payload_hash, observed_at, load_id)
select
    account,
    (account * 100 + listing)::text,
    jsonb_build_object(
        'id', account * 100 + listing, 'name', 'Listing ' || listing, 'currencyCode', 'EUR', 'timeZoneName', 'Europe/Rome'
    ),
    '',
    now(),
    %(load_id)s + account - 1
from generate_series(1, %(accounts)s) as account
cross join generate_series(1, %(listings)s) as listing

-- name: reservations
-- Each listing has one stay every few days, from some days back until some days ahead.
insert into landing.reservations (account_id, entity_id, payload, payload_hash, observed_at, load_id)
select
    account,
    (account * 100000 + number)::text,
    jsonb_build_object(
        'id', account * 100000 + number,
        'listingMapId', account * 100 + number %% %(listings)s + 1,
        'channelId', case number %% 3 when 0 then 2018 when 1 then 2005 else 2000 end,
        'channelName', case number %% 3 when 0 then 'airbnbOfficial' when 1 then 'bookingcom' else 'direct' end,
        'status', case when number %% 10 = 0 then 'cancelled' when number %% 17 = 0 then 'ownerStay' else 'new' end,
        'arrivalDate', arrival::text,
        'departureDate', (arrival + 3 + number %% 5)::text,
        'nights', 3 + number %% 5,
        'totalPrice', 500 + number,
        'taxAmount', 40,
        'cleaningFee', 80,
        'currency', 'EUR',
        'guestName', 'Guest ' || number,
        'guestEmail', 'guest' || number / 2 || '@mail.example',
        'reservationDate', (arrival - 10 - number %% 90)::text || ' 10:00:00',
        'cancellationDate', case when number %% 10 = 0 then (arrival - 5)::text || ' 10:00:00' end
    ),
    '',
    now(),
    %(load_id)s + account - 1
from generate_series(1, %(accounts)s) as account
cross join generate_series(0, %(reservations)s - 1) as number
cross join lateral (
    select
        current_date - %(days_back)s
        + number / %(listings)s * greatest(%(span)s / greatest(%(reservations)s / %(listings)s, 1), 1) as arrival
) as stay

-- name: calendar_days
insert into landing.calendar_days (account_id, entity_id, parent_id, payload, payload_hash, observed_at, load_id)
select
    account,
    account * 100 + listing || ':' || current_date - 30 + day,
    account * 100 + listing,
    jsonb_build_object('isAvailable', (day %% 5 > 0)::integer, 'price', 100 + day %% 7 * 10, 'minimumStay', 2 + day %% 3),
    '',
    now(),
    %(load_id)s + account - 1
from generate_series(1, %(accounts)s) as account
cross join generate_series(1, %(listings)s) as listing
cross join generate_series(0, %(days)s - 1) as day

-- name: conversations
insert into landing.conversations (account_id, entity_id, payload, payload_hash, observed_at, load_id)
select
    account,
    (account * 100000 + number)::text,
    jsonb_build_object('id', account * 100000 + number, 'reservationId', account * 100000 + number),
    '',
    now(),
    %(load_id)s + account - 1
from generate_series(1, %(accounts)s) as account
cross join generate_series(0, %(reservations)s - 1) as number

-- name: messages
insert into landing.messages (account_id, entity_id, parent_id, payload, payload_hash, observed_at, load_id)
select
    account,
    ((account * 100000 + number) * 10 + message)::text,
    account * 100000 + number,
    jsonb_build_object(
        'id', (account * 100000 + number) * 10 + message,
        'body', 'A sentence of a guest or a host, as long as they are. ' || message,
        'isIncoming', (message %% 2 = 0)::integer,
        'userId', case when message %% 2 = 1 then 7 end,
        'date', to_char(now() - interval '1 day' * (number %% 700) + interval '1 hour' * message, 'YYYY-MM-DD HH24:MI:SS')
    ),
    '',
    now(),
    %(load_id)s + account - 1
from generate_series(1, %(accounts)s) as account
cross join generate_series(0, %(reservations)s - 1) as number
cross join generate_series(0, %(messages)s - 1) as message

-- name: choose
select account_id, entity_id
from (
    select account_id, entity_id, row_number() over (partition by account_id order by md5(entity_id)) as place
    from landing.reservations
) as numbered
order by place, account_id
limit %(count)s

-- name: change
update landing.reservations as landed
set
    payload = landed.payload || jsonb_build_object(
        'totalPrice', 1000 + %(number)s, 'guestEmail', 'changed' || %(number)s || landed.entity_id || '@mail.example'
    ),
    load_id = %(load_id)s,
    landed_at = now()
from unnest(%(accounts)s::bigint[], %(entity_ids)s::text[]) as chosen (account_id, entity_id)
where landed.account_id = chosen.account_id and landed.entity_id = chosen.entity_id
