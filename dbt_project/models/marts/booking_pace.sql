with

as_of_days as (
    select current_date - day.place as as_of_date
    from generate_series(0, 1100) as day (place)
),

-- this year, and the state of one year before
events as (
    select account_id, listing_id, stay_month, currency, event_date, nights, gross_revenue, false as is_last_year
    from {{ ref('int_booking_events') }}
    union all
    select
        account_id,
        listing_id,
        (stay_month + interval '1 year')::date as stay_month,
        currency,
        -- what came about on 29 February is not known on the 28th, neither then nor a year later
        greatest(
            (event_date + interval '1 year')::date, (event_date - 1 + interval '1 year')::date + 1
        ) as event_date,
        nights,
        gross_revenue,
        true as is_last_year
    from {{ ref('int_booking_events') }}
)

select
    events.account_id,
    events.listing_id,
    events.stay_month,
    as_of_days.as_of_date,
    events.currency,
    coalesce(sum(events.nights) filter (where not events.is_last_year), 0)::bigint as nights_on_the_books,
    coalesce(sum(events.nights) filter (where events.is_last_year), 0)::bigint as nights_last_year,
    coalesce(sum(events.gross_revenue) filter (where not events.is_last_year), 0) as gross_revenue_on_the_books,
    coalesce(sum(events.gross_revenue) filter (where events.is_last_year), 0) as gross_revenue_last_year
from events
inner join as_of_days on events.event_date <= as_of_days.as_of_date
group by events.account_id, events.listing_id, events.stay_month, as_of_days.as_of_date, events.currency
