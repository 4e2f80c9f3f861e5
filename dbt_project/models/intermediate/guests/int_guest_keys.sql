{%- set changes = ref('int_guest_changes') -%}
{%- set earlier = source('earlier', 'reservation_guests') -%}
{%- set evidence = evidence_columns() %}

-- noqa: disable=LT02,AL04
with

{% for kind, (key, is_shared) in identity_kinds().items() -%}
{{ kind }}_users as (
    select
        changes.account_id,
        changes.{{ key }} as key,
        {%- for column in evidence %}
        changes.{{ column }},
        {%- endfor %}
        false as was_shared
    from {{ changes }} as changes
    where changes.{{ key }} is not null
    {%- if guests_are_linked() %}
    union all
    -- A reservation that changed is counted with its new evidence only.
    select
        earlier.account_id,
        earlier.{{ key }} as key,
        {%- for column in evidence %}
        case when changes.reservation_id is null then earlier.{{ column }} end as {{ column }},
        {%- endfor %}
        earlier.{{ is_shared }} as was_shared
    from (
        select changes.account_id, changes.{{ key }} as key
        from {{ changes }} as changes
        where changes.{{ key }} is not null
        union
        select changes.account_id, changes.earlier_{{ key }} as key
        from {{ changes }} as changes
        where changes.earlier_{{ key }} is not null
    ) as concerned
    cross join {{ lateral_lookup(
        earlier, "earlier", "earlier.account_id = concerned.account_id and earlier." ~ key ~ " = concerned.key"
    ) }}
    left join {{ changes }} as changes
        on earlier.account_id = changes.account_id and earlier.reservation_id = changes.reservation_id
    {%- endif %}
),

{{ kind }}_keys as (
    select
        account_id,
        key,
        {{ is_shared_identity(kind) }} as is_shared,
        coalesce(bool_or(was_shared), false) as was_shared
    from {{ kind }}_users
    group by account_id, key
),

{% endfor -%}

final as (
    {%- for kind in identity_kinds() %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select '{{ kind }}' as kind, {{ kind }}_keys.*
    from {{ kind }}_keys
    {%- endfor %}
)

select * from final
