{%- set kinds = identity_kinds() -%}
{%- set evidence = evidence_columns() -%}
{%- set changes = ref('int_guest_changes') -%}
{%- set keys = ref('int_guest_keys') -%}
{%- set earlier = source('earlier', 'reservation_guests') %}

-- noqa: disable=LT02,ST03
with

{% if guests_are_linked() -%}

-- Guests who lose a reservation, guests who share an identity with a changed reservation, and all guests with an
-- identity that begins or ceases to merge reservations.
touched_guests as materialized (
    select changes.account_id, changes.earlier_guest_id as guest_id
    from {{ changes }} as changes
    where changes.earlier_guest_id is not null
    {%- for kind, (key, is_shared) in kinds.items() %}
    union
    select earlier.account_id, earlier.guest_id
    from {{ keys }} as keys
    cross join {{ lateral_lookup(
        earlier, "earlier", "earlier.account_id = keys.account_id and earlier." ~ key ~ " = keys.key"
    ) }}
    where keys.kind = '{{ kind }}' and not (keys.is_shared and keys.was_shared)
    {%- endfor %}
    union
    select earlier.account_id, earlier.guest_id
    from {{ changes }} as changes
    cross join {{ lateral_lookup(
        earlier, "earlier", "earlier.account_id = changes.account_id and earlier.manual_key = changes.manual_key"
    ) }}
    where changes.manual_key is not null
),

-- The component of a short name depends on the components with the same identity. So the neighbours of the changed
-- guests are resolved, too, and the neighbours of these are read.
resolved_guests as materialized (
    select guests.account_id, guests.guest_id
    from touched_guests as guests
    {%- for kind in strong_identity_kinds() %}
    {%- set key, is_shared = kinds[kind] %}
    union
    select beside.account_id, beside.guest_id
    from (
        select distinct earlier.account_id, earlier.{{ key }} as key
        from touched_guests as guests
        cross join {{ lateral_lookup(
            earlier, "earlier", "earlier.account_id = guests.account_id and earlier.guest_id = guests.guest_id"
        ) }}
        where earlier.{{ key }} is not null and not coalesce(earlier.{{ is_shared }}, false)
    ) as used
    cross join {{ lateral_lookup(
        earlier, "beside", "beside.account_id = used.account_id and beside." ~ key ~ " = used.key"
    ) }}
    {%- endfor %}
),

read_guests as materialized (
    select guests.account_id, guests.guest_id
    from resolved_guests as guests
    {%- for kind in strong_identity_kinds() %}
    {%- set key, is_shared = kinds[kind] %}
    union
    select beside.account_id, beside.guest_id
    from (
        select distinct earlier.account_id, earlier.{{ key }} as key
        from resolved_guests as guests
        cross join {{ lateral_lookup(
            earlier, "earlier", "earlier.account_id = guests.account_id and earlier.guest_id = guests.guest_id"
        ) }}
        where earlier.{{ key }} is not null and not coalesce(earlier.{{ is_shared }}, false)
    ) as used
    cross join {{ lateral_lookup(
        earlier, "beside", "beside.account_id = used.account_id and beside." ~ key ~ " = used.key"
    ) }}
    {%- endfor %}
),

{% endif -%}

candidates as (
    select
        changes.account_id,
        changes.reservation_id,
        {%- for column in evidence %}
        changes.{{ column }},
        {%- endfor %}
        {%- for key, is_shared in kinds.values() %}
        false as {{ is_shared }},
        {%- endfor %}
        true as is_resolved
    from {{ changes }} as changes
    {%- if guests_are_linked() %}
    union all
    select
        earlier.account_id,
        earlier.reservation_id,
        {%- for column in evidence %}
        earlier.{{ column }},
        {%- endfor %}
        {%- for key, is_shared in kinds.values() %}
        earlier.{{ is_shared }},
        {%- endfor %}
        resolved_guests.guest_id is not null as is_resolved
    from read_guests
    cross join {{ lateral_lookup(
        earlier, "earlier", "earlier.account_id = read_guests.account_id and earlier.guest_id = read_guests.guest_id"
    ) }}
    left join resolved_guests
        on read_guests.account_id = resolved_guests.account_id and read_guests.guest_id = resolved_guests.guest_id
    where not exists (
        select 1 from {{ changes }} as changes
        where changes.account_id = earlier.account_id and changes.reservation_id = earlier.reservation_id
    )
    {%- endif %}
)

select
    candidates.account_id,
    candidates.reservation_id,
    {%- for column in evidence %}
    candidates.{{ column }},
    {%- endfor %}
    {%- for kind, (key, is_shared) in kinds.items() %}
    coalesce({{ kind }}_keys.is_shared, candidates.{{ is_shared }}, false) as {{ is_shared }},
    {%- endfor %}
    candidates.is_resolved
from candidates
{%- for kind, (key, is_shared) in kinds.items() %}
left join {{ keys }} as {{ kind }}_keys
    on
        {{ kind }}_keys.kind = '{{ kind }}'
        and candidates.account_id = {{ kind }}_keys.account_id
        and candidates.{{ key }} = {{ kind }}_keys.key
{%- endfor %}
