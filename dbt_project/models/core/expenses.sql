{{ config(
    unique_key=["account_id", "expense_id"],
    indexes=[
        {"columns": ["account_id", "listing_id", "expense_date"]},
    ],
) }}

select
    batch.account_id,
    batch.expense_id,
    batch.listing_id,
    batch.reservation_id,
    batch.owner_statement_id,
    batch.owner_statement_ids,
    batch.owner_user_id,
    batch.expense_type,
    batch.concept,
    batch.category_names,
    batch.listing_name,
    batch.guest_name,
    batch.amount,
    batch.is_removed,
    batch.expense_date,
    batch.inserted_at,
    batch.updated_at,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('expenses') }} as batch
where batch.expense_id is not null
