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
    select reviews.account_id, reviews.review_id, rated.category, avg(rated.rating) as rating
    from reviews
    cross join jsonb_array_elements({{ as_list("reviews.category_ratings") }}) as item (payload)
    cross join
        lateral ( -- noqa: ST05
            select
                lower({{ as_text('category', 'item.payload') }}) as category,
                {{ as_numeric('rating', 'item.payload') }} as rating
        ) as rated
    where rated.category is not null and rated.rating is not null and rated.category <> 'overall'
    group by reviews.account_id, reviews.review_id, rated.category
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
