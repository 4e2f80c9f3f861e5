with

former as (
    select
        versions.account_id,
        versions.listing_id,
        versions.date,
        versions.superseded_at as changed_at,
        -- each field is read like one of a payload
        jsonb_build_object(
            'price', versions.price, 'minimumStay', versions.minimum_stay, 'isAvailable', versions.is_available
        ) as payload
    from {{ source('history', 'calendar_versions') }} as versions
),

versions as (
    select
        account_id,
        listing_id,
        date,
        changed_at,
        {{ as_numeric('price') }} as old_price,
        {{ as_integer('minimumStay') }} as old_minimum_stay,
        {{ as_boolean('isAvailable') }} as old_is_available
    from former
),

changes as (
    select
        versions.*,
        lead(versions.changed_at) over later as next_changed_at,
        lead(versions.old_price) over later as next_price,
        lead(versions.old_minimum_stay) over later as next_minimum_stay,
        lead(versions.old_is_available) over later as next_is_available
    from versions
    window later as (partition by account_id, listing_id, date order by changed_at)
)

select
    changes.account_id,
    changes.listing_id,
    changes.date,
    changes.changed_at,
    changes.next_changed_at,
    listings.currency,
    changes.old_price,
    case when changes.next_changed_at is null then days.price else changes.next_price end as new_price,
    changes.old_minimum_stay,
    case when changes.next_changed_at is null then days.minimum_stay else changes.next_minimum_stay end
        as new_minimum_stay,
    changes.old_is_available,
    case when changes.next_changed_at is null then days.is_available else changes.next_is_available end
        as new_is_available,
    booked.reservation_id as booked_reservation_id
from changes
inner join {{ ref('calendar_days') }} as days
    on changes.account_id = days.account_id and changes.listing_id = days.listing_id and changes.date = days.date
inner join {{ ref('listings') }} as listings
    on changes.account_id = listings.account_id and changes.listing_id = listings.listing_id
left join lateral (
    select bookings.reservation_id
    from {{ ref('reservations') }} as bookings
    where
        bookings.account_id = changes.account_id
        and bookings.listing_id = changes.listing_id
        and bookings.arrival_date <= changes.date
        and bookings.departure_date > changes.date
        and bookings.is_booking
        and not bookings.is_deleted
        and bookings.booked_at >= changes.changed_at
        and (changes.next_changed_at is null or bookings.booked_at < changes.next_changed_at)
    order by bookings.booked_at
    limit 1
) as booked on true
