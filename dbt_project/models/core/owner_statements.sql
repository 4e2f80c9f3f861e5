{{ config(
    unique_key=["account_id", "owner_statement_id"],
) }}

select
    batch.account_id,
    batch.owner_statement_id,
    batch.access_user_ids,
    batch.listing_ids,
    batch.statement_name,
    batch.invoice_name,
    batch.date_type,
    batch.currency,
    batch.property_manager_name,
    batch.property_manager_email,
    batch.property_manager_address,
    batch.property_manager_phone,
    batch.property_owner_name,
    batch.property_owner_email,
    batch.property_owner_address,
    batch.property_owner_phone,
    batch.notes,
    batch.expenses_total,
    batch.grand_total,
    batch.from_date,
    batch.to_date,
    batch.inserted_at,
    batch.updated_at,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('owner_statements') }} as batch
where batch.owner_statement_id is not null
