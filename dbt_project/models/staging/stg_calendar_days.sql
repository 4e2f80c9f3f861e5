with

source as (
    select * from {{ landed('calendar_days') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        coalesce(parent_id, {{ text_as_bigint("split_part(entity_id, ':', 1)") }}) as listing_id,
        {{ text_as_date("split_part(entity_id, ':', 2)") }} as date,
        {{ as_bigint('id') }} as calendar_day_id,

        ---------- text
        lower({{ as_text('status') }}) as status,
        {{ as_text('note') }} as note,

        ---------- numerics
        {{ as_integer('minimumStay') }} as minimum_stay,
        {{ as_integer('maximumStay') }} as maximum_stay,
        {{ as_integer('countAvailableUnits') }} as unit_count,
        {{ as_integer('availableUnitsToSell') }} as units_to_sell,
        {{ as_integer('desiredUnitsToSell') }} as desired_units_to_sell,
        {{ as_integer('countPendingUnits') }} as pending_units,
        {{ as_integer('countBlockingReservations') }} as blocking_reservations,
        {{ as_integer('countBlockedUnits') }} as blocked_units,
        {{ as_integer('countReservedUnits') }} as reserved_units,

        ---------- money
        {{ as_numeric('price') }} as price,

        ---------- booleans
        {{ as_boolean('isAvailable') }} as is_available,
        {{ as_boolean('closedOnArrival') }} as is_closed_on_arrival,
        {{ as_boolean('closedOnDeparture') }} as is_closed_on_departure,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        -- a deletion marks the last version
        case when deleted_at is not null then greatest(deleted_at, landed_at) end as deleted_at,
        {{ masked("calendar_days", drop=["reservations"]) }} as pms_meta,
        entity_id,
        load_id,
        landed_at
    from source
)

select * from typed
