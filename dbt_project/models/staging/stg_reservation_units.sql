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
        {{ as_list("source.payload -> 'reservationUnit'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,
        coalesce({{ as_bigint('id') }}, -place) as reservation_unit_id,
        {{ as_bigint('listingUnitId') }} as listing_unit_id,

        ---------- text
        {{ as_text('externalReservationId') }} as external_reservation_id,
        {{ as_text('externalReservationUnitId') }} as external_unit_id,
        {{ as_text('guestName') }} as guest_name,
        {{ as_text('guestFirstName') }} as guest_first_name,
        {{ as_text('guestLastName') }} as guest_last_name,

        ---------- numerics
        {{ as_integer('numberOfGuests') }} as number_of_guests,
        {{ as_integer('adults') }} as adults,
        {{ as_integer('children') }} as children,
        {{ as_integer('infants') }} as infants,
        {{ as_integer('pets') }} as pets,
        {{ as_numeric('totalPrice') }} as total_price,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
