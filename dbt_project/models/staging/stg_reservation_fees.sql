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
        {{ as_list("source.payload -> 'reservationFees'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,
        coalesce({{ as_bigint('id') }}, -place) as reservation_fee_id,

        ---------- text
        {{ as_text('externalReservationUnitId') }} as external_unit_id,
        {{ as_text('name') }} as fee_name,
        {{ as_text('feeType') }} as fee_type,
        {{ as_text('currency') }} as currency,

        ---------- numerics
        {{ as_numeric('amount') }} as amount,
        {{ as_numeric('percentage') }} as percentage,

        ---------- booleans
        {{ as_boolean('isIncluded') }} as is_included,
        {{ as_boolean('isPerNight') }} as is_per_night,
        {{ as_boolean('isPerPerson') }} as is_per_person,
        {{ as_boolean('isImported') }} as is_imported,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
