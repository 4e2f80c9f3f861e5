{#- Long, because it names each figure by each published definition. -#}
with

-- amounts of different currencies are never added
by_currency as (
    select
        nights.account_id,
        nights.listing_id,
        period.name as period,
        period.date as period_date,
        nights.currency,
        count(*) as nights,
        count(*) filter (where nights.night_source = 'calendar') as mirrored_nights,
        count(*) filter (where nights.night_status = 'booked') as booked_nights,
        count(*) filter (where nights.night_status = 'owner_stay') as owner_nights,
        count(*) filter (where nights.night_status = 'hold') as hold_nights,
        count(*) filter (where nights.night_status = 'available') as available_nights,
        count(*) filter (where nights.is_unsellable_by_rule) as unsellable_nights,
        count(*) filter (where nights.is_arrival and nights.night_status = 'booked') as check_ins,
        count(nights.gross_revenue) as gross_nights,
        count(nights.revenue_ex_tax) as ex_tax_nights,
        count(nights.accommodation_revenue) as accommodation_nights,
        count(nights.net_revenue) as net_nights,
        sum(nights.gross_revenue) as gross_revenue,
        sum(nights.revenue_ex_tax) as revenue_ex_tax,
        sum(nights.accommodation_revenue) as accommodation_revenue,
        sum(nights.net_revenue) as net_revenue,
        count(nights.stay_value) filter (where nights.night_status = 'booked') as valued_check_ins,
        sum(nights.stay_value) filter (where nights.night_status = 'booked') as stay_value,
        count(*) filter (where nights.unit_number = 1 and nights.night_status = 'booked') as hostaway_booked_days,
        count(*) filter (where nights.unit_number = 1 and nights.night_status <> 'hold') as hostaway_available_days
    from {{ ref('listing_nights') }} as nights
    cross join
        lateral (
            values
            ('day', nights.date),
            ('week', date_trunc('week', nights.date::timestamp)::date),
            ('month', date_trunc('month', nights.date::timestamp)::date)
        ) as period (name, date)
    where nights.night_status <> 'unknown'
    group by nights.account_id, nights.listing_id, period.name, period.date, nights.currency
),

-- the currency in which most nights of the period are booked
ranked as (
    select
        by_currency.*,
        row_number() over (
            partition by by_currency.account_id, by_currency.listing_id, by_currency.period, by_currency.period_date
            order by by_currency.booked_nights desc, by_currency.nights desc, by_currency.currency asc
        ) as place
    from by_currency
),

totals as (
    select
        account_id,
        listing_id,
        period,
        period_date,
        max(currency) filter (where place = 1) as currency,
        sum(nights)::bigint as nights,
        sum(mirrored_nights)::bigint as mirrored_nights,
        sum(booked_nights)::bigint as booked_nights,
        sum(owner_nights)::bigint as owner_nights,
        sum(hold_nights)::bigint as hold_nights,
        sum(available_nights)::bigint as available_nights,
        sum(unsellable_nights)::bigint as unsellable_nights,
        sum(check_ins)::bigint as check_ins,
        coalesce(max(gross_nights) filter (where place = 1), 0) as gross_nights,
        coalesce(max(ex_tax_nights) filter (where place = 1), 0) as ex_tax_nights,
        coalesce(max(accommodation_nights) filter (where place = 1), 0) as accommodation_nights,
        coalesce(max(net_nights) filter (where place = 1), 0) as net_nights,
        max(gross_revenue) filter (where place = 1) as gross_revenue,
        max(revenue_ex_tax) filter (where place = 1) as revenue_ex_tax,
        max(accommodation_revenue) filter (where place = 1) as accommodation_revenue,
        max(net_revenue) filter (where place = 1) as net_revenue,
        max(stay_value) filter (where place = 1) / nullif(max(valued_check_ins) filter (where place = 1), 0)
            as average_stay_value,
        sum(hostaway_booked_days)::bigint as hostaway_booked_days,
        sum(hostaway_available_days)::bigint as hostaway_available_days
    from ranked
    group by account_id, listing_id, period, period_date
),

-- of the nights on which a stay begins, or that a cancelled booking gave back
events as (
    select
        nights.account_id,
        nights.listing_id,
        period.name as period,
        period.date as period_date,
        avg(nights.nights_of_stay) filter (where nights.night_status = 'booked') as length_of_stay_mean,
        percentile_cont(0.5) within group (order by nights.nights_of_stay)
        filter (where nights.night_status = 'booked') as length_of_stay_median,
        avg(nights.booking_window_days) filter (where nights.night_status = 'booked') as booking_window_mean,
        percentile_cont(0.5) within group (order by nights.booking_window_days)
        filter (where nights.night_status = 'booked') as booking_window_median,
        sum(nights.cancelled_nights)::bigint as cancelled_nights,
        sum(nights.cancellation_payout) as cancellation_payout,
        max(nights.currency) as currency,
        -- payouts of several currencies are not added: then null, with "several" as the currency
        case
            when min(nights.cancellation_currency) <> max(nights.cancellation_currency) then 'several'
            else max(nights.cancellation_currency)
        end as cancellation_currency
    from {{ ref('listing_nights') }} as nights
    cross join
        lateral (
            values
            ('day', nights.date),
            ('week', date_trunc('week', nights.date::timestamp)::date),
            ('month', date_trunc('month', nights.date::timestamp)::date)
        ) as period (name, date)
    where nights.is_arrival or nights.cancelled_nights > 0
    group by nights.account_id, nights.listing_id, period.name, period.date
),

periods as (
    select
        account_id,
        listing_id,
        period,
        period_date,
        coalesce(
            totals.currency, nullif(events.cancellation_currency, 'several'), events.currency
        ) as currency,
        coalesce(totals.nights, 0) as nights,
        coalesce(totals.mirrored_nights, 0) as mirrored_nights,
        coalesce(totals.booked_nights, 0) as booked_nights,
        coalesce(totals.owner_nights, 0) as owner_nights,
        coalesce(totals.hold_nights, 0) as hold_nights,
        coalesce(totals.available_nights, 0) as available_nights,
        coalesce(totals.unsellable_nights, 0) as unsellable_nights,
        coalesce(totals.booked_nights + totals.available_nights, 0) as bookable_nights,
        coalesce(totals.check_ins, 0) as check_ins,
        totals.gross_nights,
        totals.ex_tax_nights,
        totals.accommodation_nights,
        totals.net_nights,
        -- nothing booked brings nothing; a booking of an unknown amount brings an unknown amount
        case when totals.booked_nights = 0 then 0 else totals.gross_revenue end as gross_revenue,
        case when totals.booked_nights = 0 then 0 else totals.revenue_ex_tax end as revenue_ex_tax,
        case when totals.booked_nights = 0 then 0 else totals.accommodation_revenue end as accommodation_revenue,
        case when totals.booked_nights = 0 then 0 else totals.net_revenue end as net_revenue,
        totals.average_stay_value,
        totals.hostaway_booked_days,
        totals.hostaway_available_days,
        events.length_of_stay_mean,
        events.length_of_stay_median,
        events.booking_window_mean,
        events.booking_window_median,
        coalesce(events.cancelled_nights, 0) as cancelled_nights,
        events.cancellation_currency,
        case
            when
                events.cancellation_currency <> 'several'
                and events.cancellation_currency = coalesce(totals.currency, events.cancellation_currency)
                then events.cancellation_payout
        end as cancellation_payout
    from totals
    full join events using (account_id, listing_id, period, period_date) -- noqa: ST07
)

select
    ---------- ids
    periods.account_id,
    periods.listing_id,
    periods.period,
    periods.period_date,

    ---------- text
    listings.listing_name,
    periods.currency,
    periods.cancellation_currency,

    ---------- nights
    case periods.period
        when 'day' then 1
        when 'week' then 7
        else (periods.period_date + interval '1 month')::date - periods.period_date
    end as period_days,
    periods.nights,
    periods.mirrored_nights,
    periods.booked_nights,
    periods.owner_nights,
    periods.hold_nights,
    periods.available_nights,
    periods.unsellable_nights,
    periods.bookable_nights,
    periods.cancelled_nights,

    ---------- occupancy
    round(periods.booked_nights::numeric / nullif(periods.nights, 0), 4) as paid_occupancy,
    round((periods.booked_nights + periods.owner_nights)::numeric / nullif(periods.nights, 0), 4)
        as paid_and_owner_occupancy,
    round(periods.booked_nights::numeric / nullif(periods.bookable_nights, 0), 4) as adjusted_occupancy,
    round(periods.hostaway_booked_days::numeric / nullif(periods.hostaway_available_days, 0), 4)
        as hostaway_occupancy,
    coalesce(periods.hostaway_booked_days, 0) as hostaway_booked_days,
    coalesce(periods.hostaway_available_days, 0) as hostaway_available_days,

    ---------- money
    periods.gross_revenue,
    periods.revenue_ex_tax,
    periods.accommodation_revenue,
    periods.net_revenue,
    coalesce(periods.gross_nights, 0) as gross_nights,
    coalesce(periods.ex_tax_nights, 0) as ex_tax_nights,
    coalesce(periods.accommodation_nights, 0) as accommodation_nights,
    coalesce(periods.net_nights, 0) as net_nights,
    round(periods.gross_revenue / nullif(periods.gross_nights, 0), 2) as adr_gross,
    round(periods.revenue_ex_tax / nullif(periods.ex_tax_nights, 0), 2) as adr_ex_tax,
    round(periods.accommodation_revenue / nullif(periods.accommodation_nights, 0), 2) as adr_accommodation,
    -- booked nights whose amount is not known are left out on both sides
    round(periods.gross_revenue / nullif(periods.nights - periods.booked_nights + periods.gross_nights, 0), 2)
        as revpar_gross,
    round(periods.revenue_ex_tax / nullif(periods.nights - periods.booked_nights + periods.ex_tax_nights, 0), 2)
        as revpar_ex_tax,
    round(
        periods.accommodation_revenue
        / nullif(periods.nights - periods.booked_nights + periods.accommodation_nights, 0),
        2
    ) as revpar_accommodation,
    round(periods.gross_revenue / nullif(periods.available_nights + periods.gross_nights, 0), 2)
        as adjusted_revpar_gross,
    round(periods.revenue_ex_tax / nullif(periods.available_nights + periods.ex_tax_nights, 0), 2)
        as adjusted_revpar_ex_tax,
    round(periods.accommodation_revenue / nullif(periods.available_nights + periods.accommodation_nights, 0), 2)
        as adjusted_revpar_accommodation,
    periods.cancellation_payout,
    round(
        periods.owner_nights * periods.accommodation_revenue / nullif(periods.accommodation_nights, 0), 2
    ) as owner_lost_opportunity,

    ---------- stays
    periods.check_ins,
    round(periods.average_stay_value, 2) as average_stay_value,
    round(periods.length_of_stay_mean, 2) as length_of_stay_mean,
    periods.length_of_stay_median::numeric as length_of_stay_median,
    round(periods.booking_window_mean, 2) as booking_window_mean,
    periods.booking_window_median::numeric as booking_window_median,

    ---------- converted
    rates.reporting_currency,
    round(periods.gross_revenue * rates.rate, 2) as gross_revenue_converted,
    round(periods.revenue_ex_tax * rates.rate, 2) as revenue_ex_tax_converted,
    round(periods.accommodation_revenue * rates.rate, 2) as accommodation_revenue_converted,

    ---------- booleans
    listings.is_included
from periods
inner join {{ ref('reporting_listings') }} as listings
    on periods.account_id = listings.account_id and periods.listing_id = listings.listing_id
left join lateral (
    select exchange.rate, exchange.reporting_currency
    from {{ source('ops', 'exchange_rates') }} as exchange
    where exchange.currency = periods.currency and exchange.valid_from <= periods.period_date
    order by exchange.valid_from desc
    limit 1
) as rates on true
