with

as_of_days as (
    select current_date - day.place as as_of_date
    from generate_series(0, 1100) as day (place)
),

windows as (
    select days from (values (1), (7), (30)) as lengths (days)
)

select
    events.account_id,
    events.listing_id,
    events.stay_month,
    as_of_days.as_of_date,
    windows.days,
    events.currency,
    sum(events.nights)::bigint as net_nights,
    coalesce(sum(events.nights) filter (where events.kind = 'booked'), 0)::bigint as booked_nights,
    coalesce(-sum(events.nights) filter (where events.kind = 'cancelled'), 0)::bigint as cancelled_nights,
    coalesce(sum(events.nights) filter (where events.kind = 'changed'), 0)::bigint as changed_nights,
    coalesce(sum(events.gross_revenue), 0) as net_gross_revenue,
    coalesce(sum(events.gross_revenue) filter (where events.kind = 'booked'), 0) as booked_gross_revenue,
    coalesce(-sum(events.gross_revenue) filter (where events.kind = 'cancelled'), 0) as cancelled_gross_revenue
from {{ ref('int_booking_events') }} as events
cross join windows
inner join as_of_days
    on
        events.event_date <= as_of_days.as_of_date
        and events.event_date > as_of_days.as_of_date - windows.days
group by
    events.account_id, events.listing_id, events.stay_month, as_of_days.as_of_date, windows.days, events.currency
