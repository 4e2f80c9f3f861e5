{#-
    The rows of a staging model that a transform has to read: those of the loads it claimed, and those held back because
    their parent had not landed. On a first build, a full refresh, and when the project has changed: all.

    :param relinked: with the reservations whose guest changed, though they themselves did not.
    :param staging: another view of the same rows than stg_<resource>.
-#}
{% macro pending(resource, relinked=false, staging=none) -%}
    {%- set staged = ref(staging or "stg_" ~ resource) -%}
    {% if not is_incremental() -%}
    {{ staged }}
    {%- else -%}
    (
        select staged.*
        from (
            select landed.account_id, landed.entity_id
            from {{ source("ops", "claimed_loads") }} as claimed
            inner join {{ source("landing", resource) }} as landed on claimed.load_id = landed.load_id
            where claimed.resource = '{{ resource }}'
            union
            select held.account_id, held.entity_id
            from {{ source("ops", "held_rows") }} as held
            where
                held.resource = '{{ resource }}'
                {%- if resource in parents_of() %}
                {%- set parent, key = parents_of()[resource] %}
                and {{ has_parent(
                    parent, key, "held.account_id", text_as_bigint("split_part(held.missing_parent, ' ', 2)")
                ) }}
                {%- endif %}
            union
            select landed.account_id, landed.entity_id
            from {{ source("landing", resource) }} as landed
            where (select clock.reads_all from {{ source("ops", "transform_clock") }} as clock)
            {% if relinked %}
            union
            select links.account_id, links.reservation_id::text
            from {{ ref("guest_links") }} as links
            where links.synced_at > {{ last_success_at() }} and links.synced_at <= {{ transform_at() }}
            {% endif %}
        ) as due
        cross join {{ by_key(
            staged, "staged", "staged.account_id = due.account_id and staged.entity_id = due.entity_id"
        ) }}
    )
    {%- endif %}
{%- endmacro %}

{#- Stamp of the rows a transform changes. -#}
{% macro transform_at() -%}
    (select clock.transform_at from {{ source("ops", "transform_clock") }} as clock)
{%- endmacro %}

{#- Rows of core tables stamped after it changed since the last transform that succeeded. -#}
{% macro last_success_at() -%}
    (select clock.last_success_at from {{ source("ops", "transform_clock") }} as clock)
{%- endmacro %}

{#- Where a row's parent is: resource, then the core table it is in and its key there. -#}
{% macro parents_of() -%}
    {{ return({
        "reservations": ["listings", "listing_id"],
        "conversations": ["reservations", "reservation_id"],
        "messages": ["conversations", "conversation_id"],
        "calendar_days": ["listings", "listing_id"],
    }) }}
{%- endmacro %}

{#-
    Rows of a relation that fit a condition, in a `join`.

    `offset 0` makes PostgreSQL look each of them up by its key. Loads differ in size by orders of magnitude, so an estimate
    from the average load would have it read the whole table, or unpack it, for a single row.
-#}
{% macro by_key(relation, alias, condition) -%}
    lateral (
        select * from {{ relation }} as {{ alias }} where {{ condition }} limit all offset 0
    ) as {{ alias }}
{%- endmacro %}

{#- Whether a row's parent is in its core table; looked up by key, for the same reason. -#}
{% macro has_parent(parents, key, account_id, parent_id) -%}
    exists (
        select 1 from {{ ref(parents) }} as parent
        where parent.account_id = {{ account_id }} and parent.{{ key }} = {{ parent_id }}
        limit all offset 0
    )
{%- endmacro %}
