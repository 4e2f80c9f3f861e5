-- The nights and amounts that a version of a booking adds to each month of its stay, and removes when it ends.
with

versions as (
    select
        history.*,
        coalesce(lag(history.is_on_the_books) over in_order, false) as was_on_the_books,
        coalesce(lead(history.is_on_the_books) over in_order, false) as stays_on_the_books
    from {{ ref('reservation_history') }} as history
    window in_order as (partition by account_id, reservation_id order by version)
),

months as (
    select
        versions.*,
        month.first_day as stay_month,
        least(versions.departure_date, (month.first_day + interval '1 month')::date)
        - greatest(versions.arrival_date, month.first_day) as month_nights
    from versions
    cross join
        lateral (
            select month.start::date as first_day
            from generate_series(
                date_trunc('month', versions.arrival_date::timestamp),
                versions.departure_date::timestamp - interval '1 day',
                interval '1 month'
            ) as month (start)
        ) as month
    where
        versions.is_on_the_books
        and versions.departure_date > versions.arrival_date
        and versions.departure_date - versions.arrival_date <= 1100
)

select
    months.account_id,
    months.listing_id,
    months.reservation_id,
    months.stay_month,
    months.currency,
    event.date as event_date,
    event.kind,
    event.sign * months.month_nights as nights,
    event.sign
    * round(months.total_price * months.month_nights / (months.departure_date - months.arrival_date), 2)
        as gross_revenue
from months
cross join
    lateral (
        values
        (months.known_from_date, case when months.was_on_the_books then 'changed' else 'booked' end, 1),
        (months.known_until_date, case when months.stays_on_the_books then 'changed' else 'cancelled' end, -1)
    ) as event (date, kind, sign)
where event.date is not null
