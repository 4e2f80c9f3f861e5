{{ config(
    unique_key=["account_id", "listing_id"]
) }}

with

due as (
    select * from {{ pending('listings') }} as due
),

final as (
    select
        due.account_id,
        due.listing_id,
        due.property_type_id,
        due.cancellation_policy_id,
        due.listing_name,
        due.internal_listing_name,
        due.description,
        due.house_rules,
        due.room_type,
        due.bathroom_type,
        due.special_status,
        due.country,
        due.country_code,
        due.state,
        due.city,
        due.street,
        due.address,
        due.public_address,
        due.zip_code,
        due.time_zone_name,
        due.currency,
        due.language,
        due.cancellation_policy,
        due.property_license_number,
        due.cleanness_status,
        due.airbnb_listing_url,
        due.vrbo_listing_url,
        due.google_listing_url,
        due.thumbnail_url,
        due.latitude,
        due.longitude,
        due.person_capacity,
        due.bedrooms,
        due.beds,
        due.bathrooms,
        due.square_meters,
        due.star_rating,
        due.average_review_rating,
        due.min_nights,
        due.max_nights,
        due.check_in_hour_start,
        due.check_in_hour_end,
        due.check_out_hour,
        due.guests_included,
        due.base_price,
        due.cleaning_fee,
        due.extra_person_price,
        due.refundable_damage_deposit,
        due.weekly_discount,
        due.monthly_discount,
        due.is_instant_bookable,
        due.is_same_day_bookable,
        due.is_archived,
        due.last_activity_at,
        due.inserted_at,
        due.is_deleted,
        {{ transform_at() }} as synced_at,
        due.pms_meta,
        due.deleted_at
    from due
    where due.listing_id is not null
)

select * from final
