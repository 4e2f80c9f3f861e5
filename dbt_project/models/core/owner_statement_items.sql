{%- set statements_read = rows_to_process('owner_statements', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "owner_statement_id", "item_type", "item_number"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('owner_statements', staged='stg_owner_statement_items') }} as batch
),

listed as (
    select
        batch.account_id,
        batch.owner_statement_id,
        batch.item_type,
        batch.item_number,
        batch.item_name,
        batch.reservation_id,
        batch.expense_id,
        batch.listing_id,
        batch.expense_date,
        batch.amount,
        batch.is_deleted
    from batch
    where batch.owner_statement_id is not null
),

{% if is_incremental() %}

-- What the statement does not list any more keeps its key alone: it may be personal data that was erased.
removed as (
    select
        present.account_id,
        present.owner_statement_id,
        present.item_type,
        present.item_number,
        null::text as item_name,
        null::bigint as reservation_id,
        null::bigint as expense_id,
        null::bigint as listing_id,
        null::date as expense_date,
        null::numeric as amount,
        true as is_deleted
    from {{ statements_read }} as statements_read
    cross join {{ lateral_lookup(
        this,
        "present",
        "present.account_id = statements_read.account_id"
        ~ " and present.owner_statement_id = " ~ text_as_bigint("statements_read.entity_id"),
    ) }}
    where not exists (
        select 1 from batch
        where
            present.account_id = batch.account_id
            and present.owner_statement_id = batch.owner_statement_id
            and present.item_type = batch.item_type
            and present.item_number = batch.item_number
    )
),

{% endif %}

final as (
    select * from listed
    {% if is_incremental() %}
    union all
    select * from removed
    {% endif %}
)

select
    final.*,
    {{ current_transform_at() }} as synced_at
from final
