{%- set listings_read = rows_to_process('listings', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "listing_id", "listing_unit_id"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('listings', staged='stg_listing_units') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.listing_id, batch.listing_unit_id)
        batch.account_id,
        batch.listing_id,
        batch.listing_unit_id,
        batch.unit_listing_id,
        batch.unit_name,
        batch.unit_number,
        batch.floor,
        batch.is_deleted
    from batch
    where batch.listing_id is not null
    order by batch.account_id asc, batch.listing_id asc, batch.listing_unit_id asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the listing no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.listing_id,
        present.listing_unit_id,
        null::bigint as unit_listing_id,
        null::text as unit_name,
        null::text as unit_number,
        null::text as floor,
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
            and present.listing_unit_id = batch.listing_unit_id
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
