{{ config(
    unique_key=["account_id", "review_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    due.account_id,
    due.review_id,
    due.listing_id,
    due.reservation_id,
    due.channel_id,
    due.external_review_id,
    due.review_type,
    due.status,
    due.public_review,
    due.private_feedback,
    due.response,
    due.guest_name,
    due.reviewer_name,
    due.rating,
    due.category_ratings,
    due.is_recommended,
    due.is_cancelled,
    due.is_hidden,
    due.arrival_date,
    due.departure_date,
    due.submitted_at,
    due.inserted_at,
    due.updated_at,
    due.is_deleted,
    {{ transform_at() }} as synced_at,
    due.pms_meta
from {{ pending('reviews') }} as due
where due.review_id is not null
