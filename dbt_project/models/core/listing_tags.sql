{%- set listings_read = rows_to_process('listings', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "listing_id", "tag_name"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('listings', staged='stg_listing_tags') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.listing_id, batch.tag_name)
        batch.account_id,
        batch.listing_id,
        batch.tag_name,
        batch.tag_id,
        batch.is_deleted
    from batch
    where batch.listing_id is not null
    order by batch.account_id asc, batch.listing_id asc, batch.tag_name asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the listing no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.listing_id,
        present.tag_name,
        null::bigint as tag_id,
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
            and present.tag_name = batch.tag_name
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
