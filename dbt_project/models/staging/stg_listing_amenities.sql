with

source as (
    select * from {{ landed('listings') }} as landed
),

elements as (
    select
        source.account_id,
        source.entity_id,
        source.load_id,
        source.deleted_at,
        element.payload,
        element.place
    from source
    inner join lateral jsonb_array_elements(
        {{ as_list("source.payload -> 'listingAmenities'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as listing_id,
        {{ as_bigint('amenityId') }} as amenity_id,

        ---------- text
        {{ as_text('amenityName') }} as amenity_name,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
where amenity_id is not null
