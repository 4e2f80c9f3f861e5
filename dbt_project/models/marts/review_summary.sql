select
    account_id,
    listing_id,
    category,
    date_trunc('month', submitted_at at time zone 'UTC')::date as month_date,
    count(*) as reviews,
    round(avg(rating), 2) as average_rating,
    min(rating) as lowest_rating,
    count(*) filter (where rating < 9) as reviews_below_9,
    count(*) filter (where has_response) as answered_reviews
from {{ ref('review_ratings') }}
where listing_id is not null and submitted_at is not null
group by account_id, listing_id, category, date_trunc('month', submitted_at at time zone 'UTC')::date
