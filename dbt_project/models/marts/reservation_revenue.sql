with

bookings as (
    select
        bookings.account_id,
        bookings.reservation_id,
        bookings.listing_id,
        bookings.guest_id,
        bookings.channel_name,
        bookings.currency,
        bookings.booked_at,
        bookings.arrival_date,
        bookings.departure_date,
        coalesce({{ nights_between("bookings.arrival_date", "bookings.departure_date") }}, bookings.nights) as nights,
        bookings.total_price,
        bookings.tax_amount,
        bookings.cleaning_fee,
        bookings.channel_commission_amount
    from {{ ref('reservations') }} as bookings
    where bookings.is_booking and not bookings.is_deleted
),

listings as (
    select
        listings.account_id,
        listings.listing_id,
        listings.listing_name,
        zone.name as zone
    from {{ ref('listings') }} as listings
    cross join {{ local_zone("listings.time_zone_name", "zone") }}
),

final as (
    select
        ---------- ids
        bookings.account_id,
        bookings.reservation_id,
        bookings.listing_id,
        bookings.guest_id,

        ---------- text
        listings.listing_name,
        bookings.channel_name,
        bookings.currency,

        ---------- dates
        bookings.booked_at,
        bookings.arrival_date,
        bookings.departure_date,

        ---------- numerics
        bookings.nights,
        bookings.arrival_date - (bookings.booked_at at time zone coalesce(listings.zone, 'UTC'))::date as lead_days,

        ---------- money
        bookings.total_price as revenue,
        bookings.tax_amount,
        bookings.cleaning_fee,
        bookings.channel_commission_amount,
        bookings.total_price / nullif(bookings.nights, 0) as revenue_per_night,
        money.revenue_ex_tax,
        money.accommodation_revenue,
        money.channel_commission,
        money.net_revenue,
        money.payout,

        ---------- units
        money.units
    from bookings
    cross join
        {{ lateral_lookup(
            ref('int_reservation_money'),
            "money",
            "money.account_id = bookings.account_id and money.reservation_id = bookings.reservation_id",
        ) }}
    left join listings
        on bookings.account_id = listings.account_id and bookings.listing_id = listings.listing_id
)

select * from final
