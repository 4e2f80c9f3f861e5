{{ config(
    unique_key=["account_id", "listing_id"]
) }}

with

batch as (
    select * from {{ rows_to_process('listings') }} as batch
),

final as (
    select
        batch.account_id,
        batch.listing_id,
        batch.property_type_id,
        batch.cancellation_policy_id,
        batch.listing_name,
        batch.internal_listing_name,
        batch.description,
        batch.house_rules,
        batch.room_type,
        batch.bathroom_type,
        batch.special_status,
        batch.country,
        batch.country_code,
        batch.state,
        batch.city,
        batch.street,
        batch.address,
        batch.public_address,
        batch.zip_code,
        batch.time_zone_name,
        batch.currency,
        batch.language,
        batch.cancellation_policy,
        batch.property_license_number,
        batch.cleanness_status,
        batch.airbnb_listing_url,
        batch.vrbo_listing_url,
        batch.google_listing_url,
        batch.thumbnail_url,
        batch.latitude,
        batch.longitude,
        batch.person_capacity,
        batch.bedrooms,
        batch.beds,
        batch.bathrooms,
        batch.square_meters,
        batch.star_rating,
        batch.average_review_rating,
        batch.min_nights,
        batch.max_nights,
        batch.check_in_hour_start,
        batch.check_in_hour_end,
        batch.check_out_hour,
        batch.guests_included,
        batch.base_price,
        batch.cleaning_fee,
        batch.extra_person_price,
        batch.refundable_damage_deposit,
        batch.weekly_discount,
        batch.monthly_discount,
        batch.is_instant_bookable,
        batch.is_same_day_bookable,
        batch.is_archived,
        batch.last_activity_at,
        batch.inserted_at,
        batch.is_deleted,
        {{ current_transform_at() }} as synced_at,
        batch.pms_meta,
        batch.deleted_at
    from batch
    where batch.listing_id is not null
)

select * from final
