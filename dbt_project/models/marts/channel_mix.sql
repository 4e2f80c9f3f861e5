with

bookings as (
    select
        reservations.account_id,
        date_trunc('month', reservations.arrival_date::timestamp)::date as arrival_month,
        reservations.channel_id,
        reservations.channel_name,
        reservations.currency,
        reservations.is_booking,
        {{ nights_between("reservations.arrival_date", "reservations.departure_date") }} as nights,
        reservations.arrival_date - (reservations.booked_at at time zone coalesce(zone.name, 'UTC'))::date
            as booking_window_days,
        reservations.arrival_date - (reservations.cancelled_at at time zone coalesce(zone.name, 'UTC'))::date
            as cancellation_window_days,
        money.gross_revenue,
        money.revenue_ex_tax,
        money.accommodation_revenue,
        money.channel_commission,
        money.net_revenue,
        money.payout,
        money.management_commission,
        money.owner_payout,
        money.cancellation_payout
    from {{ ref('reservations') }} as reservations
    cross join
        {{ lateral_lookup(
            ref('int_reservation_money'),
            "money",
            "money.account_id = reservations.account_id and money.reservation_id = reservations.reservation_id",
        ) }}
    inner join {{ ref('reporting_listings') }} as reported
        on
            reservations.account_id = reported.account_id
            and reservations.listing_id = reported.listing_id
            and reported.is_included
    inner join {{ ref('listings') }} as listings
        on reported.account_id = listings.account_id and reported.listing_id = listings.listing_id
    left join {{ local_zone("listings.time_zone_name", "zone") }} on true
    where
        (reservations.is_booking or money.is_cancelled_booking)
        and not reservations.is_deleted
        and reservations.arrival_date is not null
),

channels as (
    select
        account_id,
        arrival_month,
        channel_id,
        min(channel_name) as channel_name,
        currency,
        count(*) filter (where is_booking) as bookings,
        count(*) filter (where not is_booking) as cancelled_bookings,
        coalesce(sum(nights) filter (where is_booking), 0)::bigint as nights,
        coalesce(sum(nights) filter (where not is_booking), 0)::bigint as cancelled_nights,
        sum(gross_revenue) filter (where is_booking) as gross_revenue,
        sum(revenue_ex_tax) filter (where is_booking) as revenue_ex_tax,
        sum(accommodation_revenue) filter (where is_booking) as accommodation_revenue,
        sum(channel_commission) filter (where is_booking) as channel_commission,
        sum(net_revenue) filter (where is_booking) as net_revenue,
        count(net_revenue) filter (where is_booking) as net_bookings,
        sum(payout) filter (where is_booking) as payout,
        count(payout) filter (where is_booking) as payout_bookings,
        sum(management_commission) filter (where is_booking) as management_commission,
        sum(owner_payout) filter (where is_booking) as owner_payout,
        sum(cancellation_payout) as cancellation_payout,
        avg(nights) filter (where is_booking) as length_of_stay_mean,
        percentile_cont(0.5) within group (order by nights) filter (where is_booking) as length_of_stay_median,
        avg(booking_window_days) filter (where is_booking) as booking_window_mean,
        percentile_cont(0.5) within group (order by booking_window_days) filter (where is_booking)
            as booking_window_median,
        avg(cancellation_window_days) filter (where not is_booking) as cancellation_window_mean
    from bookings
    group by account_id, arrival_month, channel_id, currency
)

select
    account_id,
    arrival_month,
    channel_id,
    currency,
    channel_name,
    bookings,
    cancelled_bookings,
    nights,
    cancelled_nights,
    round(nights / nullif(sum(nights) over (partition by account_id, arrival_month), 0), 4) as share_of_nights,
    round(cancelled_bookings::numeric / nullif(bookings + cancelled_bookings, 0), 4) as cancellation_rate,
    gross_revenue,
    revenue_ex_tax,
    accommodation_revenue,
    channel_commission,
    net_revenue,
    net_bookings,
    payout,
    payout_bookings,
    management_commission,
    owner_payout,
    cancellation_payout,
    round(length_of_stay_mean, 2) as length_of_stay_mean,
    length_of_stay_median::numeric as length_of_stay_median,
    round(booking_window_mean, 2) as booking_window_mean,
    booking_window_median::numeric as booking_window_median,
    round(cancellation_window_mean, 2) as cancellation_window_mean
from channels
