-- depends_on: {{ ref('stg_listings') }}
{{ config(
    unique_key=["account_id", "photo_id"],
    indexes=[
        {"columns": ["account_id", "listing_id"]},
    ],
) }}

with

due as (
    select * from {{ pending('listings', staging='stg_listing_photos') }} as due
),

photos as (
    -- the same image cannot be in two listings; if it ever is, the newer listing has it
    select distinct on (due.account_id, due.photo_id)
        due.account_id,
        due.photo_id,
        due.listing_id,
        due.url,
        due.caption,
        due.sort_order,
        due.is_deleted,
        due.pms_meta
    from due
    where due.listing_id is not null
    order by due.account_id asc, due.photo_id asc, due.listing_id desc
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
    inner join {{ pending('listings', staging='stg_listings') }} as read
        on present.account_id = read.account_id and present.listing_id = read.listing_id
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
    {{ transform_at() }} as synced_at,
    final.pms_meta
from final
where (select clock.photos from {{ source('ops', 'transform_clock') }} as clock)
