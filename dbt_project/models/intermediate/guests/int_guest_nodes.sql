-- noqa: disable=LT02
with

-- A phone number counts only together with a name.
identities as materialized (
    {%- for kind, (key, is_shared) in identity_kinds().items() %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        account_id,
        reservation_id,
        '{{ kind }}' as kind,
        {{ key }} as key,
        coalesce(name_key, '') as name_key
    from {{ ref('int_guest_candidates') }}
    where
        {{ key }} is not null
        and not {{ is_shared }}
        {{- " and name_key is not null" if kind not in strong_identity_kinds() }}
    {%- endfor %}
    union all
    -- A decision joins guests with any names.
    select
        account_id,
        reservation_id,
        'manual' as kind,
        manual_key as key,
        '' as name_key
    from {{ ref('int_guest_candidates') }}
    where manual_key is not null
),

nodes as (
    select
        account_id,
        kind,
        key,
        name_key,
        min(reservation_id) as first_reservation_id,
        -- the smallest node has the smallest reservation
        row_number() over (order by min(reservation_id), account_id, kind, key, name_key) as node
    from identities
    group by account_id, kind, key, name_key
    -- an identity that is used once joins nothing
    having count(*) > 1
)

select
    identities.account_id,
    identities.reservation_id,
    nodes.node,
    nodes.first_reservation_id
from identities
inner join nodes
    on
        identities.account_id = nodes.account_id
        and identities.kind = nodes.kind
        and identities.key = nodes.key
        and identities.name_key = nodes.name_key
