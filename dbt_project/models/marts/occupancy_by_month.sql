with

days as (
    select * from {{ ref('calendar_days') }}
    where not is_deleted
),

listings as (
    select * from {{ ref('listings') }}
),

bookings as (
    select * from {{ ref('reservations') }}
    where is_booking and not is_deleted and departure_date > arrival_date
),

-- one row for each night of the calendar; units of one listing can be booked for the same night
nights as (
    select
        days.account_id,
        days.listing_id,
        date_trunc('month', days.date::timestamp)::date as month_date,
        days.is_available,
        -- a host may put fewer units on sale than are free
        case
            when days.is_available then coalesce(least(days.available_units, days.units_to_sell), 1)
            else 0
        end as free_units,
        coalesce(days.reserved_units, 0) as reserved_units,
        count(bookings.reservation_id) as bookings_count,
        count(bookings.total_price) filter (where bookings.currency = listings.currency) as priced_bookings_count,
        sum(bookings.total_price / (bookings.departure_date - bookings.arrival_date))
        filter (where bookings.currency = listings.currency) as revenue
    from days
    inner join listings
        on days.account_id = listings.account_id and days.listing_id = listings.listing_id
    left join bookings
        on
            days.account_id = bookings.account_id
            and days.listing_id = bookings.listing_id
            and days.date >= bookings.arrival_date
            and days.date < bookings.departure_date
    group by
        days.account_id,
        days.listing_id,
        days.date,
        days.is_available,
        days.available_units,
        days.units_to_sell,
        days.reserved_units
),

months as (
    select
        account_id,
        listing_id,
        month_date,
        count(*) as calendar_nights,
        count(*) filter (where bookings_count > 0) as booked_nights,
        count(*) filter (where bookings_count = 0 and is_available) as available_nights,
        count(*) filter (where bookings_count = 0 and is_available is not true) as blocked_nights,
        sum(bookings_count)::bigint as booked_unit_nights,
        sum(priced_bookings_count)::bigint as priced_unit_nights,
        -- a booking that the calendar does not know yet takes one of the units it calls free
        sum(greatest(free_units - greatest(bookings_count - reserved_units, 0), 0))::bigint as available_unit_nights,
        coalesce(sum(revenue), 0) as revenue
    from nights
    group by account_id, listing_id, month_date
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
        end as revpar
    from months
    inner join listings
        on months.account_id = listings.account_id and months.listing_id = listings.listing_id
)

select * from final
