{%- set listings_read = rows_to_process('listings', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "listing_id", "fee_setting_id"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('listings', staged='stg_listing_fee_settings') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.listing_id, batch.fee_setting_id)
        batch.account_id,
        batch.listing_id,
        batch.fee_setting_id,
        batch.channel_id,
        batch.parent_fee_setting_id,
        batch.fee_type,
        batch.fee_title,
        batch.fee_description,
        batch.applied_per,
        batch.amount_type,
        batch.appears_in,
        batch.amount,
        batch.is_mandatory,
        batch.is_quantity_selectable,
        batch.is_displayed_in_rent,
        batch.inserted_at,
        batch.updated_at,
        batch.is_deleted
    from batch
    where batch.listing_id is not null
    order by batch.account_id asc, batch.listing_id asc, batch.fee_setting_id asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the listing no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.listing_id,
        present.fee_setting_id,
        null::bigint as channel_id,
        null::bigint as parent_fee_setting_id,
        null::text as fee_type,
        null::text as fee_title,
        null::text as fee_description,
        null::text as applied_per,
        null::text as amount_type,
        null::text[] as appears_in,
        null::numeric as amount,
        null::boolean as is_mandatory,
        null::boolean as is_quantity_selectable,
        null::boolean as is_displayed_in_rent,
        null::timestamptz as inserted_at,
        null::timestamptz as updated_at,
        true as is_deleted
    from {{ listings_read }} as listings_read
    cross join {{ lateral_lookup(
        this,
        "present",
        "present.account_id = listings_read.account_id"
        ~ " and present.listing_id = " ~ text_as_bigint("listings_read.entity_id"),
    ) }}
    where not exists (
        select 1 from batch
        where
            present.account_id = batch.account_id
            and present.listing_id = batch.listing_id
            and present.fee_setting_id = batch.fee_setting_id
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
