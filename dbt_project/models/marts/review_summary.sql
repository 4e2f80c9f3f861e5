with

-- the zone is looked up once for each listing
listings as (
    select listings.account_id, listings.listing_id, zone.name as zone
    from {{ ref('listings') }} as listings
    cross join {{ local_zone("listings.time_zone_name", "zone") }}
),

-- by the month in which a review was submitted, where the listing is
ratings as (
    select
        ratings.*,
        date_trunc('month', ratings.submitted_at at time zone coalesce(listings.zone, 'UTC'))::date as month_date
    from {{ ref('review_ratings') }} as ratings
    left join listings
        on ratings.account_id = listings.account_id and ratings.listing_id = listings.listing_id
    where ratings.listing_id is not null and ratings.submitted_at is not null
)

select
    account_id,
    listing_id,
    category,
    month_date,
    count(*) as reviews,
    round(avg(rating), 2) as average_rating,
    min(rating) as lowest_rating,
    count(*) filter (where rating < 9) as reviews_below_9,
    count(*) filter (where has_response) as answered_reviews
from ratings
group by account_id, listing_id, category, month_date
