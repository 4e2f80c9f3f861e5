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
        listings.country_code,
        listings.state,
        listings.city,
        named.names,
        named.amounts
    from {{ ref('reservations') }} as bookings
    left join {{ ref('listings') }} as listings
        on bookings.account_id = listings.account_id and bookings.listing_id = listings.listing_id
    cross join
        lateral ( -- noqa: ST05
            select
                array_agg(taxes.name order by taxes.name) as names,
                array_agg(taxes.amount order by taxes.name) as amounts
            from ( -- noqa: ST05
                select
                    line.component_name as name,
                    sum(line.total) as amount
                from {{ ref('reservation_finance_fields') }} as line
                where
                    line.account_id = bookings.account_id
                    and line.reservation_id = bookings.reservation_id
                    and line.component_type = 'tax'
                    and line.component_name is not null
                    and not coalesce(line.is_removed, false)
                group by line.component_name
            ) as taxes
        ) as named
    where bookings.is_booking and not bookings.is_deleted and bookings.arrival_date is not null
)

select
    stays.account_id,
    stays.reservation_id,
    tax.name as tax,
    tax.remitted_by,
    stays.listing_id,
    stays.channel_name,
    stays.country_code,
    stays.state,
    stays.city,
    stays.currency,
    stays.arrival_date,
    stays.departure_date,
    date_trunc('month', stays.departure_date::timestamp)::date as departure_month,
    tax.amount
from stays
cross join
    lateral (
        select
            named.name,
            -- Airbnb pays these to the authority itself
            case when named.name ilike 'airbnb%' then 'channel' else 'host' end as remitted_by,
            named.amount
        from unnest(stays.names, stays.amounts) as named (name, amount)
        union all
        -- if the kinds are not known, their sum
        select
            'unspecified' as name,
            'host' as remitted_by,
            stays.tax_amount as amount
        where stays.names is null and stays.tax_amount is not null
        union all
        select
            'transientOccupancyTax' as name,
            'channel' as remitted_by,
            stays.airbnb_transient_occupancy_tax_paid as amount
        where
            stays.airbnb_transient_occupancy_tax_paid is not null
            and not exists (
                select 1 from unnest(stays.names) as line (name)
                where line.name ilike 'airbnb%'
            )
    ) as tax
