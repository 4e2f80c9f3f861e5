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
        coalesce(named.names, financial.names) as names,
        case when named.names is null then financial.amounts else named.amounts end as amounts
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
    -- Hostaway's financial reporting, where the reservation itself does not list its taxes; it writes 0 for none
    left join lateral (
        select
            array_agg(tax.name order by tax.name) as names,
            array_agg(tax.amount order by tax.name) as amounts
        from {{ ref('reservation_finance') }} as reported
        cross join
            lateral (
                values
                ('cityTax', reported.city_tax),
                ('hotelTax', reported.hotel_tax),
                ('lodgingTax', reported.lodging_tax),
                ('roomTax', reported.room_tax),
                ('salesTax', reported.sales_tax),
                ('transientOccupancyTax', reported.transient_occupancy_tax),
                ('vat', reported.vat),
                ('otherTaxes', reported.other_taxes),
                ('propertyRentTax', reported.property_rent_tax),
                ('guestPerPersonPerNightTax', reported.guest_per_person_per_night_tax),
                ('guestStayTax', reported.guest_stay_tax),
                ('guestNightlyTax', reported.guest_nightly_tax)
            ) as tax (name, amount)
        where
            reported.account_id = bookings.account_id
            and reported.reservation_id = bookings.reservation_id
            and not reported.is_deleted
            and tax.amount <> 0
        limit all offset 0 -- noqa: AM09
    ) as financial on true
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
