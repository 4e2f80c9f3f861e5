{#- Long, because every night is first given its state, and only then counted: one query, read from top to bottom. -#}
with

listings as (
    select
        listings.account_id,
        listings.listing_id,
        listings.listing_name,
        listings.currency,
        zone.name as zone,
        listings.deleted_at,
        (listings.deleted_at at time zone zone.name)::date as left_on
    from {{ ref('listings') }} as listings
    cross join {{ local_zone("listings.time_zone_name", "zone") }}
),

-- Days that are deleted once they are over have been nights of the listing all the same: it left.
days as (
    select days.*
    from {{ ref('calendar_days') }} as days
    inner join listings
        on days.account_id = listings.account_id and days.listing_id = listings.listing_id
    where
        not days.is_deleted
        or days.date < (days.deleted_at at time zone listings.zone)::date
),

archives as (
    select
        archives.account_id,
        {{ text_as_bigint("archives.listing_id") }} as listing_id,
        range_agg(
            daterange(
                (archives.archived_at at time zone listings.zone)::date,
                (archives.restored_at at time zone listings.zone)::date
            )
        ) as dates
    from {{ source("ops", "listing_archives") }} as archives
    inner join listings
        on
            archives.account_id = listings.account_id
            and {{ text_as_bigint("archives.listing_id") }} = listings.listing_id
    group by archives.account_id, archives.listing_id
),

-- A booking that is deleted is none, unless it went with its listing: then its nights until then stay.
bookings as (
    select
        bookings.account_id,
        bookings.listing_id,
        bookings.arrival_date,
        case
            when bookings.is_deleted then least(bookings.departure_date, listings.left_on)
            else bookings.departure_date
        end as last_date,
        case
            when bookings.currency = listings.currency
                then bookings.total_price / (bookings.departure_date - bookings.arrival_date)
        end as price_per_night
    from {{ ref('reservations') }} as bookings
    inner join listings
        on bookings.account_id = listings.account_id and bookings.listing_id = listings.listing_id
    where
        bookings.is_booking
        and bookings.departure_date > bookings.arrival_date
        and (not bookings.is_deleted or bookings.deleted_at >= listings.deleted_at - interval '1 day')
),

-- units of one listing can be booked for the same night
booked as (
    select
        bookings.account_id,
        bookings.listing_id,
        bookings.arrival_date + stay.night as date,
        count(*) as bookings_count,
        count(bookings.price_per_night) as priced_bookings_count,
        sum(bookings.price_per_night) as revenue
    from bookings
    cross join generate_series(0, bookings.last_date - bookings.arrival_date - 1) as stay (night)
    group by bookings.account_id, bookings.listing_id, bookings.arrival_date + stay.night
),

-- one row for each night of the calendar
nights as (
    select
        days.account_id,
        days.listing_id,
        days.date,
        coalesce(days.is_available and not coalesce(archives.dates @> days.date, false), false) as is_available,
        -- a host may put fewer units on sale than are free
        coalesce(least(days.available_units, days.units_to_sell), 1) as free_units,
        coalesce(days.reserved_units, 0) as reserved_units,
        coalesce(booked.bookings_count, 0) as bookings_count,
        coalesce(booked.priced_bookings_count, 0) as priced_bookings_count,
        booked.revenue
    from days
    left join booked
        on
            days.account_id = booked.account_id
            and days.listing_id = booked.listing_id
            and days.date = booked.date
    left join archives
        on days.account_id = archives.account_id and days.listing_id = archives.listing_id
),

months as (
    select
        account_id,
        listing_id,
        date_trunc('month', date::timestamp)::date as month_date,
        count(*) as calendar_nights,
        count(*) filter (where bookings_count > 0) as booked_nights,
        count(*) filter (where bookings_count = 0 and is_available) as available_nights,
        count(*) filter (where bookings_count = 0 and not is_available) as blocked_nights,
        sum(bookings_count)::bigint as booked_unit_nights,
        sum(priced_bookings_count)::bigint as priced_unit_nights,
        -- a booking that the calendar does not know yet takes one of the units it calls free
        coalesce(
            sum(greatest(free_units - greatest(bookings_count - reserved_units, 0), 0)) filter (where is_available), 0
        )::bigint as available_unit_nights,
        coalesce(sum(revenue), 0) as revenue
    from nights
    group by account_id, listing_id, date_trunc('month', date::timestamp)::date
),

final as (
    select
        ---------- ids
        months.account_id,
        months.listing_id,
        months.month_date,

        ---------- text
        listings.listing_name,
        listings.currency,

        ---------- numerics
        months.calendar_nights,
        months.booked_nights,
        months.available_nights,
        months.blocked_nights,
        months.booked_unit_nights,
        months.available_unit_nights,
        months.priced_unit_nights,
        round(
            months.booked_unit_nights::numeric
            / nullif(months.booked_unit_nights + months.available_unit_nights, 0),
            4
        ) as occupancy,

        ---------- money
        round(months.revenue, 2) as revenue,
        round(months.revenue / nullif(months.priced_unit_nights, 0), 2) as adr,
        case
            when months.priced_unit_nights > 0 or months.booked_unit_nights = 0
                then round(
                    months.revenue / nullif(months.priced_unit_nights + months.available_unit_nights, 0), 2
                )
        end as revpar,

        ---------- how much of the month
        (months.month_date + interval '1 month')::date - months.month_date as month_nights,
        months.calendar_nights = (months.month_date + interval '1 month')::date - months.month_date as is_whole_month
    from months
    inner join listings
        on months.account_id = listings.account_id and months.listing_id = listings.listing_id
)

select * from final
