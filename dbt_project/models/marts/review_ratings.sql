with

-- not materialized, so that a query of one account reads only its rows
reviews as not materialized (
    select *
    from {{ ref('reviews') }}
    where review_type = 'guest-to-host' and not is_deleted and not coalesce(is_cancelled, false)
),

ratings as (
    select account_id, review_id, 'overall' as category, rating
    from reviews
    where rating is not null
    union all
    -- one category in two spellings has one rating
    select reviews.account_id, reviews.review_id, lower(rated.category) as category, avg(rated.rating) as rating
    from reviews
    inner join {{ ref('review_category_ratings') }} as rated
        on reviews.account_id = rated.account_id and reviews.review_id = rated.review_id
    where not rated.is_deleted and rated.rating is not null and lower(rated.category) <> 'overall'
    group by reviews.account_id, reviews.review_id, lower(rated.category)
)

select
    ratings.account_id,
    ratings.review_id,
    ratings.category,
    reviews.listing_id,
    reviews.reservation_id,
    reviews.channel_id,
    ratings.rating,
    coalesce(reviews.submitted_at, reviews.inserted_at) as submitted_at,
    reviews.response is not null as has_response
from ratings
inner join reviews on ratings.account_id = reviews.account_id and ratings.review_id = reviews.review_id
