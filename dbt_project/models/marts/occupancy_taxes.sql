with

stays as (
    select
        bookings.account_id,
        bookings.reservation_id,
        bookings.listing_id,
        bookings.channel_name,
        bookings.currency,
        bookings.arrival_date,
        bookings.departure_date,
        bookings.tax_amount,
        bookings.airbnb_transient_occupancy_tax_paid,
        bookings.pms_meta
    from {{ ref('reservations') }} as bookings
    where bookings.is_booking and not bookings.is_deleted and bookings.arrival_date is not null
),

-- by name, as a stay can have several taxes of one name
named as (
    select
        stays.account_id,
        stays.reservation_id,
        line.name as tax,
        sum(line.total) as amount
    from stays
    cross join jsonb_array_elements({{ as_list("stays.pms_meta -> 'financeField'") }}) as item (payload)
    cross join
        lateral (
            select
                {{ as_text('name', 'item.payload') }} as name,
                {{ as_text('type', 'item.payload') }} as kind,
                {{ as_numeric('total', 'item.payload') }} as total
            where not coalesce({{ as_boolean('isDeleted', 'item.payload') }}, false)
        ) as line
    where line.kind = 'tax' and line.name is not null
    group by stays.account_id, stays.reservation_id, line.name
),

taxes as (
    select account_id, reservation_id, tax, amount, 'host' as remitted_by from named
    union all
    -- where the kinds are not known, their sum is
    select stays.account_id, stays.reservation_id, 'unspecified' as tax, stays.tax_amount as amount, 'host' as remitted_by
    from stays
    where
        stays.tax_amount is not null
        and not exists (
            select 1 from named
            where named.account_id = stays.account_id and named.reservation_id = stays.reservation_id
        )
    union all
    select
        account_id,
        reservation_id,
        'transientOccupancyTax' as tax,
        airbnb_transient_occupancy_tax_paid as amount,
        'channel' as remitted_by
    from stays
    where airbnb_transient_occupancy_tax_paid is not null
)

select
    taxes.account_id,
    taxes.reservation_id,
    taxes.tax,
    taxes.remitted_by,
    stays.listing_id,
    stays.channel_name,
    listings.country_code,
    listings.state,
    listings.city,
    stays.currency,
    stays.arrival_date,
    stays.departure_date,
    date_trunc('month', stays.departure_date::timestamp)::date as departure_month,
    taxes.amount
from taxes
inner join stays on taxes.account_id = stays.account_id and taxes.reservation_id = stays.reservation_id
left join {{ ref('listings') }} as listings
    on stays.account_id = listings.account_id and stays.listing_id = listings.listing_id
