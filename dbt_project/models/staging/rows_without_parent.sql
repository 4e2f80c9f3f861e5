{#- Resource, what its key has to read as, the parent it names, where, and whether it may name none. -#}
{%- set children = [
    ("reservations", text_as_bigint("due.entity_id"), "listing", as_bigint("listingMapId"), true),
    ("conversations", text_as_bigint("due.entity_id"), "reservation", as_bigint("reservationId"), true),
    (
        "messages",
        text_as_bigint("due.entity_id"),
        "conversation",
        "coalesce(landing.parent_id, " ~ as_bigint("conversationId") ~ ")",
        false,
    ),
    (
        "calendar_days",
        text_as_date("split_part(due.entity_id, ':', 2)"),
        "listing",
        "coalesce(landing.parent_id, " ~ text_as_bigint("split_part(due.entity_id, ':', 1)") ~ ")",
        false,
    ),
] -%}

with

due as (
    {%- for resource in ["listings", "reservations", "conversations", "messages", "calendar_days"] %}
    {%- if not loop.first %}
    union
    {%- endif %}
    select '{{ resource }}' as resource, landed.account_id, landed.entity_id
    from {{ source('ops', 'claimed_loads') }} as claimed
    inner join {{ source('landing', resource) }} as landed on claimed.load_id = landed.load_id
    where claimed.resource = '{{ resource }}'
    {%- endfor %}
    union
    select resource, account_id, entity_id
    from {{ source('ops', 'held_rows') }}
)

select due.resource, due.account_id, due.entity_id, 'readable id' as missing_parent
from due
where due.resource = 'listings' and {{ text_as_bigint('due.entity_id') }} is null
{%- for resource, key, parent, parent_id, is_optional in children %}
union all
select
    due.resource,
    due.account_id,
    due.entity_id,
    case
        when landed.key is null then 'readable id'
        else coalesce('{{ parent }} ' || landed.parent_id, '{{ parent }}')
    end as missing_parent
from due
inner join lateral (
    select
        {{ key }} as key,
        {{ parent_id }} as parent_id
    from {{ landed(resource) }} as landing
    where landing.account_id = due.account_id and landing.entity_id = due.entity_id
) as landed on true
where
    due.resource = '{{ resource }}'
    and (
        landed.key is null
        or (
            {% if is_optional %}landed.parent_id is not null and{% endif %}
            not exists (
                select 1 from {{ ref(parent ~ "s") }} as parents
                where due.account_id = parents.account_id and landed.parent_id = parents.{{ parent }}_id
            )
        )
    )
{%- endfor %}
