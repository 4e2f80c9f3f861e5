-- depends_on: {{ ref('known_parents') }}
-- depends_on: {{ ref('listings') }}
-- depends_on: {{ ref('stg_reservation_identities') }}
{{ config(unique_key=["account_id", "guest_id"]) }}

with

{% if is_incremental() %}

changed_links as (
    select links.account_id, links.reservation_id, links.guest_id
    from {{ ref('guest_links') }} as links
    where links.synced_at > {{ last_success_at() }} and links.synced_at <= {{ transform_at() }}
),

due as (
    select links.account_id, links.guest_id
    from {{ pending('reservations', staging='stg_reservation_identities') }} as read
    cross join {{ by_key(
        ref('guest_links'),
        "links",
        "read.account_id = links.account_id and read.reservation_id = links.reservation_id",
    ) }}
    union
    select changed_links.account_id, changed_links.guest_id
    from changed_links
    union
    -- an id that led a guest until now is the id of a reservation that was linked to another
    select changed_links.account_id, changed_links.reservation_id
    from changed_links
),

{% else %}

due as (
    select distinct links.account_id, links.guest_id
    from {{ ref('guest_links') }} as links
),

{% endif %}

reservations as (
    select
        reservations.*,
        links.email_key as own_email,
        row_number() over recency as place
    from due
    cross join {{ by_key(
        ref('reservations'),
        "reservations",
        "due.account_id = reservations.account_id and due.guest_id = reservations.guest_id",
    ) }}
    cross join {{ by_key(
        ref('guest_links'),
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
        (array_agg(guest_meta order by place))[1] as pms_meta
    from (
        select
            reservations.*,
            -- of the newest alone
            case
                when reservations.place = 1
                    then (
                        select coalesce(jsonb_object_agg(field.key, field.value), '{}'::jsonb)
                        from jsonb_each(reservations.pms_meta) as field (key, value)
                        where field.key ~ '^(guest[A-Z]|phone$|isGuest|localeForMessaging)'
                    )
            end as guest_meta
        from reservations
    ) as described
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
    from due
    cross join {{ by_key(
        ref('guest_links'),
        "links",
        "due.account_id = links.account_id and due.guest_id = links.reservation_id and due.guest_id <> links.guest_id",
    ) }}
    cross join {{ by_key(
        this,
        "former",
        "due.account_id = former.account_id and due.guest_id = former.guest_id",
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
    account_id,
    guest_id,
    merged_into_guest_id,
    guest_name,
    first_name,
    last_name,
    email,
    phone,
    locale,
    country,
    city,
    first_arrival_date,
    last_departure_date,
    reservations_count,
    bookings_count,
    booked_nights,
    has_real_email,
    is_deleted,
    {{ transform_at() }} as synced_at,
    pms_meta
from final
