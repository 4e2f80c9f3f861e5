with

links as (
    select * from {{ ref('reservation_guests') }}
),

identities as (
    {%- for kind, (key, is_shared) in identity_kinds().items() %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        account_id,
        guest_id,
        '{{ kind }}' as kind,
        {{ key }} as identity,
        name_key,
        reservation_id,
        coalesce({{ is_shared }}, false) as is_shared
    from links
    where {{ key }} is not null
    {%- endfor %}
    union all
    select
        account_id,
        guest_id,
        'decision' as kind,
        manual_key as identity,
        name_key,
        reservation_id,
        false as is_shared
    from links
    where manual_key is not null
)

select
    account_id,
    guest_id,
    kind,
    identity,
    array_agg(distinct name_key order by name_key) filter (where name_key is not null) as names,
    array_agg(reservation_id order by reservation_id) as reservation_ids,
    count(*)::integer as reservations_count,
    bool_or(is_shared) as is_shared,
    count(*) > 1 and not bool_or(is_shared) as is_evidence
from identities
group by account_id, guest_id, kind, identity
