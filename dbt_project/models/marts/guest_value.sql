with

-- the zone is looked up once for each listing
listings as (
    select listings.account_id, listings.listing_id, zone.name as zone
    from {{ ref('listings') }} as listings
    cross join {{ local_zone("listings.time_zone_name", "zone") }}
),

stays as (
    select
        bookings.account_id,
        bookings.guest_id,
        bookings.currency,
        bookings.arrival_date,
        bookings.departure_date,
        coalesce({{ nights_between("bookings.arrival_date", "bookings.departure_date") }}, bookings.nights) as nights,
        bookings.total_price,
        bookings.channel_id in (2000, 2013) as is_direct,
        -- the day that it is where the listing is
        bookings.departure_date <= (now() at time zone coalesce(listings.zone, 'UTC'))::date as is_completed
    from {{ ref('reservations') }} as bookings
    left join listings
        on bookings.account_id = listings.account_id and bookings.listing_id = listings.listing_id
    where bookings.is_booking and not bookings.is_deleted
)

select
    stays.account_id,
    stays.guest_id,
    stays.currency,
    min(guests.guest_name) as guest_name,
    count(*) filter (where stays.is_completed) as completed_stays,
    count(*) filter (where not stays.is_completed) as coming_stays,
    coalesce(sum(stays.nights) filter (where stays.is_completed), 0)::bigint as completed_nights,
    sum(stays.total_price) filter (where stays.is_completed) as completed_gross_revenue,
    sum(stays.total_price) as gross_revenue,
    count(*) filter (where stays.is_direct) as direct_stays,
    round(count(*) filter (where stays.is_direct)::numeric / count(*), 4) as direct_share,
    min(stays.arrival_date) as first_arrival_date,
    max(stays.departure_date) filter (where stays.is_completed) as last_departure_date,
    -- amounts are per currency; whether a guest has stayed before is not
    (sum(count(*) filter (where stays.is_completed)) over same_guest > 1) as is_repeat_guest,
    (sum(count(*) filter (where stays.is_completed)) over same_guest)::bigint as completed_stays_of_guest
from stays
inner join {{ ref('guests') }} as guests
    on stays.account_id = guests.account_id and stays.guest_id = guests.guest_id
group by stays.account_id, stays.guest_id, stays.currency
window same_guest as (partition by stays.account_id, stays.guest_id)
