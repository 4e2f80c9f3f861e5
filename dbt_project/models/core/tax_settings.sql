{{ config(
    unique_key=["account_id", "tax_setting_id"]
) }}

select
    batch.account_id,
    batch.tax_setting_id,
    batch.tax_type,
    batch.applied_per,
    batch.amount_type,
    batch.applied_to,
    batch.amount,
    batch.inserted_at,
    batch.updated_at,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('tax_settings') }} as batch
where batch.tax_setting_id is not null
