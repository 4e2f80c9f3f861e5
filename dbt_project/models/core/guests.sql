{%- set reservations_read = rows_to_process('reservations', keys_only=true) -%}
{{ config(unique_key=["account_id", "guest_id"]) }}

with

{% if is_incremental() %}

changed_links as (
    select links.account_id, links.reservation_id, links.guest_id
    from {{ ref('reservation_guests') }} as links
    where links.synced_at > {{ previous_transform_at() }} and links.synced_at <= {{ current_transform_at() }}
),

batch as (
    select links.account_id, links.guest_id
    from {{ reservations_read }} as reservations_read
    cross join {{ lateral_lookup(
        ref('reservation_guests'),
        "links",
        "links.account_id = reservations_read.account_id"
        ~ " and links.reservation_id = " ~ text_as_bigint("reservations_read.entity_id"),
    ) }}
    union
    select changed_links.account_id, changed_links.guest_id
    from changed_links
    union
    -- an id that a guest had until now is that of a reservation that is linked to another guest
    select changed_links.account_id, changed_links.reservation_id
    from changed_links
),

{% else %}

batch as (
    select distinct links.account_id, links.guest_id
    from {{ ref('reservation_guests') }} as links
),

{% endif %}

reservations as (
    select
        reservations.*,
        links.email_key as own_email,
        row_number() over recency as place
    from batch
    cross join {{ lateral_lookup(
        ref('reservations'),
        "reservations",
        "batch.account_id = reservations.account_id and batch.guest_id = reservations.guest_id",
    ) }}
    cross join {{ lateral_lookup(
        ref('reservation_guests'),
        "links",
        "reservations.account_id = links.account_id and reservations.reservation_id = links.reservation_id",
    ) }}
    window recency as (
        partition by reservations.account_id, reservations.guest_id
        order by
            reservations.is_deleted asc, reservations.booked_at desc nulls last, reservations.reservation_id desc
    )
),

current_guests as (
    select
        ---------- ids
        account_id,
        guest_id,
        null::bigint as merged_into_guest_id,

        ---------- text
        {{ latest('guest_name') }} as guest_name,
        {{ latest('guest_first_name') }} as first_name,
        {{ latest('guest_last_name') }} as last_name,
        coalesce({{ latest('own_email') }}, {{ latest('guest_email') }}) as email,
        {{ latest('guest_phone') }} as phone,
        {{ latest('guest_locale') }} as locale,
        {{ latest('guest_country') }} as country,
        {{ latest('guest_city') }} as city,

        ---------- dates
        min(arrival_date) filter (where is_booking and not is_deleted) as first_arrival_date,
        max(departure_date) filter (where is_booking and not is_deleted) as last_departure_date,

        ---------- numerics
        (count(*) filter (where not is_deleted))::integer as reservations_count,
        (count(*) filter (where is_booking and not is_deleted))::integer as bookings_count,
        coalesce(sum(nights) filter (where is_booking and not is_deleted), 0) as booked_nights,

        ---------- booleans
        bool_or(own_email is not null) as has_real_email,
        bool_and(is_deleted) as is_deleted,

        ---------- payload
        (array_agg(case when place = 1 then {{ fields_of_guest('pms_meta') }} end order by place))[1] as pms_meta
    from reservations
    group by account_id, guest_id
),

{% if is_incremental() %}

merged_guests as (
    select
        former.account_id,
        former.guest_id,
        links.guest_id as merged_into_guest_id,
        former.guest_name,
        former.first_name,
        former.last_name,
        former.email,
        former.phone,
        former.locale,
        former.country,
        former.city,
        null::date as first_arrival_date,
        null::date as last_departure_date,
        0 as reservations_count,
        0 as bookings_count,
        0::bigint as booked_nights,
        former.has_real_email,
        true as is_deleted,
        former.pms_meta
    from batch
    cross join {{ lateral_lookup(
        ref('reservation_guests'),
        "links",
        "batch.account_id = links.account_id and batch.guest_id = links.reservation_id and batch.guest_id <> links.guest_id",
    ) }}
    cross join {{ lateral_lookup(
        this,
        "former",
        "batch.account_id = former.account_id and batch.guest_id = former.guest_id",
    ) }}
),

{% endif %}

final as (
    select * from current_guests
    {% if is_incremental() %}
    union all
    select * from merged_guests
    {% endif %}
)

select
    final.*,
    {{ current_transform_at() }} as synced_at
from final
