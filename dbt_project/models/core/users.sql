{{ config(
    unique_key=["account_id", "user_id"]
) }}

select
    due.account_id,
    due.user_id,
    due.user_group_id,
    due.listing_ids,
    due.user_group_name,
    due.email,
    due.first_name,
    due.last_name,
    due.title,
    due.phone,
    due.time_zone,
    due.is_admin,
    due.is_disabled,
    due.has_access_to_new_listings,
    due.is_deleted,
    {{ transform_at() }} as synced_at,
    due.pms_meta
from {{ pending('users') }} as due
where due.user_id is not null
