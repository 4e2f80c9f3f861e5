{{ config(
    unique_key=["account_id", "review_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    batch.account_id,
    batch.review_id,
    batch.listing_id,
    batch.reservation_id,
    batch.channel_id,
    batch.external_review_id,
    batch.review_type,
    batch.status,
    batch.public_review,
    batch.private_feedback,
    batch.response,
    batch.guest_name,
    batch.reviewer_name,
    batch.rating,
    batch.category_ratings,
    batch.is_recommended,
    batch.is_cancelled,
    batch.is_hidden,
    batch.arrival_date,
    batch.departure_date,
    batch.submitted_at,
    batch.inserted_at,
    batch.updated_at,
    batch.auto_review_id,
    batch.external_reservation_id,
    batch.listing_name,
    batch.auto_review_template_id,
    batch.scheduled_at,
    batch.booking_engine_visibility,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('reviews') }} as batch
where batch.review_id is not null
