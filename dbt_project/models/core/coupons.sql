{{ config(
    unique_key=["account_id", "coupon_id"]
) }}

select
    batch.account_id,
    batch.coupon_id,
    batch.user_id,
    batch.name,
    batch.coupon_type,
    batch.amount,
    batch.minimum_nights,
    batch.uses_granted,
    batch.uses_made,
    batch.is_active,
    batch.is_expired,
    batch.check_in_from_date,
    batch.check_in_until_date,
    batch.valid_from_date,
    batch.valid_until_date,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('coupons') }} as batch
where batch.coupon_id is not null
