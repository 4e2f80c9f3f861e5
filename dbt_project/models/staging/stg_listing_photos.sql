with

source as (
    select * from {{ landed('listings') }} as landed
),

images as (
    select
        source.account_id,
        source.entity_id,
        source.load_id,
        source.deleted_at,
        image.payload,
        image.place
    from source
    inner join lateral jsonb_array_elements(
        {{ as_list("source.payload -> 'listingImages'") }}
    ) with ordinality as image (payload, place) on true
    where jsonb_typeof(image.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ as_bigint('id') }} as photo_id,
        {{ text_as_bigint("entity_id") }} as listing_id,

        ---------- text
        {{ as_text('url') }} as url,
        coalesce({{ as_text('caption') }}, {{ as_text('airbnbCaption') }}, {{ as_text('vrboCaption') }}) as caption,

        ---------- numerics
        coalesce({{ as_integer('sortOrder') }}, place::integer) as sort_order,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("listings", part="listingImages") }} as pms_meta,
        entity_id,
        load_id
    from images
)

select * from typed
where photo_id is not null
