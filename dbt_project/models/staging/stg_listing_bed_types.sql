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
        {{ as_list("source.payload -> 'listingBedTypes'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as listing_id,
        {{ as_bigint('id') }} as listing_bed_type_id,
        {{ as_bigint('bedTypeId') }} as bed_type_id,

        ---------- numerics
        {{ as_integer('bedroomNumber') }} as bedroom_number,
        {{ as_integer('quantity') }} as quantity,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
where listing_bed_type_id is not null
