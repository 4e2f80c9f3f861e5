{{ config(
    unique_key=["account_id", "user_id"]
) }}

select
    batch.account_id,
    batch.user_id,
    batch.user_group_id,
    batch.listing_ids,
    batch.user_group_name,
    batch.email,
    batch.first_name,
    batch.last_name,
    batch.title,
    batch.phone,
    batch.time_zone,
    batch.is_admin,
    batch.is_disabled,
    batch.has_access_to_new_listings,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('users') }} as batch
where batch.user_id is not null
