{{ config(
    unique_key=["account_id", "coupon_id"]
) }}

select
    due.account_id,
    due.coupon_id,
    due.user_id,
    due.name,
    due.coupon_type,
    due.amount,
    due.minimum_nights,
    due.uses_granted,
    due.uses_made,
    due.is_active,
    due.is_expired,
    due.check_in_from_date,
    due.check_in_until_date,
    due.valid_from_date,
    due.valid_until_date,
    due.is_deleted,
    {{ transform_at() }} as synced_at,
    due.pms_meta
from {{ pending('coupons') }} as due
where due.coupon_id is not null
