{{ config(
    unique_key=["account_id", "log_source", "reservation_log_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    batch.account_id,
    batch.log_source,
    batch.reservation_log_id,
    batch.reservation_id,
    batch.listing_id,
    batch.channel_id,
    batch.changed_by_user_id,
    batch.field_name,
    batch.field_label,
    batch.old_value,
    batch.new_value,
    batch.changed_by_user_name,
    batch.changed_at,
    batch.updated_at,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('reservation_logs') }} as batch
where batch.reservation_log_id is not null and batch.reservation_id is not null
