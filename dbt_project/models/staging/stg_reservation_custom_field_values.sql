with

source as (
    select * from {{ landed('reservations') }} as landed
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
        {{ as_list("source.payload -> 'customFieldValues'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,

        ---------- the field
        {{ custom_field_columns() }},

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
where custom_field_id is not null
