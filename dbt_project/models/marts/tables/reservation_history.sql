{#- Long, because versions that landed, the present one, and those from before the first sync have the same columns. -#}
{{ config(
    unique_key=["account_id", "reservation_id", "version"],
    indexes=[
        {"columns": ["account_id", "listing_id", "arrival_date"]},
    ],
) }}

with

{% if is_incremental() -%}

clock as materialized (
    select case when transforms.full_rebuild then '-infinity' else marts.last_success_at end as since
    from {{ source('ops', 'current_marts_build') }} as marts
    cross join {{ source('ops', 'current_transform') }} as transforms
),

{% endif -%}

-- Of each account, because an index leads to its changed rows.
accounts as (
    select distinct account_id from {{ ref('listings') }}
),

due as materialized (
    select reservations.*
    {%- if is_incremental() %}
    from accounts
    cross join {{ lateral_lookup(
        ref('reservations'),
        "reservations",
        "reservations.account_id = accounts.account_id and reservations.synced_at > (select clock.since from clock)",
    ) }}
    {%- else %}
    from {{ ref('reservations') }} as reservations
    inner join accounts on reservations.account_id = accounts.account_id
    {%- endif %}
),

former as (
    select
        due.account_id,
        due.reservation_id,
        versions.facts as payload,
        versions.deleted_at,
        versions.superseded_at,
        versions.changed_at
    from due
    cross join {{ lateral_lookup(
        source('history', 'reservation_versions'),
        "versions",
        "versions.account_id = due.account_id and versions.entity_id = due.reservation_id::text",
    ) }}
),

versions as (
    select
        account_id,
        reservation_id,
        superseded_at,
        changed_at,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ reservation_status(as_text('status')) }} as status,
        {{ status_group(reservation_status(as_text('status'))) }} as status_group,
        case when not {{ dates_unspecified() }} then {{ as_date('arrivalDate') }} end as arrival_date,
        case when not {{ dates_unspecified() }} then {{ as_date('departureDate') }} end as departure_date,
        {{ as_integer('numberOfGuests') }} as number_of_guests,
        {{ as_numeric('totalPrice') }} as total_price,
        {{ as_text('currency') }} as currency,
        deleted_at is not null as is_deleted,
        {{ as_timestamptz('reservationDate') }} as booked_at,
        {{ as_timestamptz('cancellationDate') }} as cancelled_at
    from former
    union all
    select
        account_id,
        reservation_id,
        'infinity' as superseded_at,
        null as changed_at,
        listing_id,
        status,
        status_group,
        arrival_date,
        departure_date,
        number_of_guests,
        total_price,
        currency,
        is_deleted,
        coalesce(booked_at, inserted_at, updated_at) as booked_at,
        cancelled_at
    from due
),

-- a version is known until the next one is known; different clocks do not change the order
numbered as (
    select
        versions.*,
        row_number() over in_order as version,
        max(versions.changed_at) over in_order as known_until
    from versions
    window in_order as (partition by account_id, reservation_id order by superseded_at)
),

known as (
    select
        numbered.*,
        case
            when numbered.version = 1 then least(numbered.booked_at, numbered.known_until)
            else
                lag(numbered.known_until)
                    over (partition by numbered.account_id, numbered.reservation_id order by numbered.version)
        end as known_from
    from numbered
),

-- A reservation that was cancelled before its first read was booked until then.
split as (
    select
        account_id,
        reservation_id,
        0 as version,
        listing_id,
        'new' as status,
        'booking' as status_group,
        arrival_date,
        departure_date,
        number_of_guests,
        total_price,
        currency,
        false as is_deleted,
        true as is_reconstructed,
        known_from,
        cancelled_at as known_until
    from known
    where version = 1 and status_group = 'cancelled' and cancelled_at > known_from
    union all
    select
        account_id,
        reservation_id,
        version,
        listing_id,
        status,
        status_group,
        arrival_date,
        departure_date,
        number_of_guests,
        total_price,
        currency,
        is_deleted,
        version = 1 as is_reconstructed,
        case
            when version = 1 and status_group = 'cancelled' then greatest(known_from, cancelled_at) else known_from
        end as known_from,
        case when superseded_at < 'infinity' then known_until end as known_until
    from known
)

select
    split.account_id,
    split.reservation_id,
    split.version::integer as version,
    split.listing_id,
    split.status,
    split.status_group,
    split.arrival_date,
    split.departure_date,
    split.number_of_guests,
    split.total_price,
    split.currency,
    split.status_group = 'booking' and not split.is_deleted as is_on_the_books,
    split.is_deleted,
    split.is_reconstructed,
    split.known_from,
    split.known_until,
    (split.known_from at time zone coalesce(zone.name, 'UTC'))::date as known_from_date,
    (split.known_until at time zone coalesce(zone.name, 'UTC'))::date as known_until_date,
    {{ current_transform_at() }} as synced_at
from split
left join {{ ref('listings') }} as listings
    on split.account_id = listings.account_id and split.listing_id = listings.listing_id
left join {{ local_zone("listings.time_zone_name", "zone") }} on true
