{#- Resource, expression of its key, this key in core, its parent, and the expression of the parent's id. -#}
{%- set children = [
    ("listings", text_as_bigint("batch.entity_id"), "listing_id", "none", "null::bigint"),
    ("reservations", text_as_bigint("batch.entity_id"), "reservation_id", "listing", as_bigint("listingMapId")),
    ("conversations", text_as_bigint("batch.entity_id"), "conversation_id", "reservation", as_bigint("reservationId")),
    (
        "messages",
        text_as_bigint("batch.entity_id"),
        "conversation_id = landed.parent_id and core.message_id",
        "conversation",
        "coalesce(landing.parent_id, " ~ as_bigint("conversationId") ~ ")",
    ),
    (
        "calendar_days",
        text_as_date("split_part(batch.entity_id, ':', 2)"),
        "listing_id = landed.parent_id and core.date",
        "listing",
        "coalesce(landing.parent_id, " ~ text_as_bigint("split_part(batch.entity_id, ':', 1)") ~ ")",
    ),
] -%}

with

batch as (
    {%- for resource in ["listings", "reservations", "conversations", "messages", "calendar_days"] %}
    {%- if not loop.first %}
    union
    {%- endif %}
    select '{{ resource }}' as resource, landed.account_id, landed.entity_id
    from {{ source('ops', 'claimed_loads') }} as claimed
    cross join {{ lateral_lookup(source('landing', resource), "landed", "landed.load_id = claimed.load_id") }}
    where claimed.resource = '{{ resource }}'
    union
    select '{{ resource }}' as resource, landed.account_id, landed.entity_id
    from {{ source('landing', resource) }} as landed
    where (select current_transform.full_rebuild from {{ source('ops', 'current_transform') }} as current_transform)
    {%- endfor %}
    union
    select resource, account_id, entity_id
    from {{ source('ops', 'deferred_rows') }}
)

{% for resource, key, core_key, parent, parent_id in children -%}
{% if not loop.first %}
union all
{% endif -%}
select
    batch.resource,
    batch.account_id,
    batch.entity_id,
    case
        when landed.key is null then 'readable id'
        else coalesce('{{ parent }} ' || landed.parent_id, '{{ parent }}')
    end as missing_parent,
    landed.landed_at
from batch
cross join {{ lateral_lookup(
    landed(resource), "landing", "landing.account_id = batch.account_id and landing.entity_id = batch.entity_id"
) }}
inner join lateral ( -- noqa: ST05
    select
        landing.landed_at,
        {{ key }} as key,
        {{ parent_id }} as parent_id
) as landed on true
where
    batch.resource = '{{ resource }}'
    and not {{ exists_lookup(
        ref(resource), "core", "core.account_id = batch.account_id and core." ~ core_key ~ " = landed.key"
    ) }}
{% endfor %}
