-- name: load
insert into ops.loads (account_id, resource) values (0, %(resource)s) returning load_id

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
    %(load_id)s
from generate_series(1, %(accounts)s) as account
cross join generate_series(1, %(listings)s) as listing

-- name: reservations
-- One stay every twelve days and listing, three years back and half a year ahead.
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
        'guestEmail', 'guest' || number %% 400 || '@mail.example',
        'reservationDate', (arrival - 10 - number %% 90)::text || ' 10:00:00',
        'cancellationDate', case when number %% 10 = 0 then (arrival - 5)::text || ' 10:00:00' end
    ),
    '',
    now(),
    %(load_id)s
from generate_series(1, %(accounts)s) as account
cross join generate_series(0, %(reservations)s - 1) as number
cross join lateral (
    select current_date - 1100 + number / %(listings)s * (1280 / (%(reservations)s / %(listings)s)) as arrival
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
    %(load_id)s
from generate_series(1, %(accounts)s) as account
cross join generate_series(1, %(listings)s) as listing
cross join generate_series(0, %(days)s) as day

-- name: conversations
insert into landing.conversations (account_id, entity_id, payload, payload_hash, observed_at, load_id)
select
    account,
    (account * 100000 + number)::text,
    jsonb_build_object('id', account * 100000 + number, 'reservationId', account * 100000 + number),
    '',
    now(),
    %(load_id)s
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
    %(load_id)s
from generate_series(1, %(accounts)s) as account
cross join generate_series(0, %(reservations)s - 1) as number
cross join generate_series(0, 3) as message

-- name: change
-- Ten reservations of ten accounts get a higher price.
update landing.reservations
set payload = payload || jsonb_build_object('totalPrice', 1000 + %(number)s), load_id = %(load_id)s, landed_at = now()
where entity_id in (select (account * 100000 + 1)::text from generate_series(1, 10) as account)
