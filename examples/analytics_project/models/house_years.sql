-- One row per listing, year and currency: an example to replace.
select
    account_id,
    listing_id,
    currency,
    extract(year from period_date)::integer as year,
    sum(booked_nights) as booked_nights,
    sum(gross_revenue) as gross_revenue,
    round(sum(booked_nights) / nullif(sum(bookable_nights), 0), 4) as adjusted_occupancy
from {{ source('marts', 'listing_performance') }}
where period = 'month' and is_included
group by account_id, listing_id, currency, extract(year from period_date)
