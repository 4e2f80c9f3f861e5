{%- set listings_read = rows_to_process('listings', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "photo_id"],
    indexes=[
        {"columns": ["account_id", "listing_id"]},
    ],
) }}

with

batch as (
    select * from {{ rows_to_process('listings', staged='stg_listing_photos') }} as batch
),

photos as (
    -- an image is in one listing only; otherwise the newer listing has it
    select distinct on (batch.account_id, batch.photo_id)
        batch.account_id,
        batch.photo_id,
        batch.listing_id,
        batch.url,
        batch.caption,
        batch.sort_order,
        batch.is_deleted,
        batch.pms_meta
    from batch
    where batch.listing_id is not null
    order by batch.account_id asc, batch.photo_id asc, batch.listing_id desc
),

{% if is_incremental() %}

removed as (
    select
        present.account_id,
        present.photo_id,
        present.listing_id,
        present.url,
        present.caption,
        present.sort_order,
        true as is_deleted,
        present.pms_meta
    from {{ this }} as present
    inner join {{ listings_read }} as listings_read
        on
            present.account_id = listings_read.account_id
            and present.listing_id = {{ text_as_bigint("listings_read.entity_id") }}
    where not exists (
        select 1 from photos
        where present.account_id = photos.account_id and present.photo_id = photos.photo_id
    )
),

{% endif %}

final as (
    select * from photos
    {% if is_incremental() %}
    union all
    select * from removed
    {% endif %}
)

select
    final.account_id,
    final.photo_id,
    final.listing_id,
    final.url,
    final.caption,
    final.sort_order,
    final.is_deleted,
    {{ current_transform_at() }} as synced_at,
    final.pms_meta
from final
where (select current_transform.photos from {{ source('ops', 'current_transform') }} as current_transform)
