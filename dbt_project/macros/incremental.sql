{#-
    The rows of a staging model that a transform has to read: those of the loads it claimed, and of those held back
    because their parent had not landed the ones that need not wait any more. On a first build, a full refresh, and when
    the project has changed: all.

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
            {%- if resource in parents_of() %}
            {%- set parent, key = parents_of()[resource] %}
            {%- set parent_id = text_as_bigint("split_part(held.missing_parent, ' ', 2)") %}
            left join (
                select known.account_id, known.known_until
                from (
                    select distinct waiting.account_id
                    from {{ source("ops", "held_rows") }} as waiting
                    where waiting.resource = '{{ resource }}'
                ) as accounts
                cross join {{ known_parents(resource, "accounts") }}
            ) as known on held.account_id = known.account_id
            where
                held.resource = '{{ resource }}'
                and {{ parent_id }} is not null
                and (
                    held.held_since < known.known_until
                    or {{ has_parent(parent, key, "held.account_id", parent_id) }}
                )
            {%- else %}
            where held.resource = '{{ resource }}'
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

{#- Whether a relation has a row that fits a condition; looked up by key, for the same reason. -#}
{% macro exists_by_key(relation, alias, condition) -%}
    exists (
        select 1 from {{ relation }} as {{ alias }} where {{ condition }} limit all offset 0
    )
{%- endmacro %}

{#- Whether a row's parent is in its core table. -#}
{% macro has_parent(parents, key, account_id, parent_id) -%}
    {{ exists_by_key(
        ref(parents), "parent", "parent.account_id = " ~ account_id ~ " and parent." ~ key ~ " = " ~ parent_id
    ) }}
{%- endmacro %}

{#- Until when the parents of an account's rows are known; rows of a relation with accounts, in a `join`. -#}
{% macro known_parents(resource, accounts) -%}
    {{ by_key(
        ref("known_parents"),
        "known",
        "known.account_id = " ~ accounts ~ ".account_id and known.resource = '" ~ resource ~ "'",
    ) }}
{%- endmacro %}

{#-
    Two steps of a `with`: `admitted` holds the rows of `due` that enter core, of a resource whose rows name a parent. It is
    there, or they themselves are already, or nobody waits for it any more. What stays outside, the transform holds back.

    :param key: which rows of the model, as `present`, are the same as one of `due`, beside their account.
    :param may_name_none: whether a row without a parent enters, too.
-#}
{% macro admitted(resource, key, may_name_none=false) -%}
    {%- set parents, parent_id = parents_of()[resource] -%}
    known as materialized (
        select known.account_id, known.known_until
        from (select distinct due.account_id from due) as accounts
        cross join {{ known_parents(resource, "accounts") }}
    ),

    -- in this order, and the last is asked only where the others say no
    admitted as (
        select due.*
        from due
        where
            due.{{ parent_id }} {{ "is null or" if may_name_none else "is not null and" }} (
                {{ has_parent(parents, parent_id, "due.account_id", "due." ~ parent_id) }}
                {%- if is_incremental() %}
                or {{ exists_by_key(this, "present", "present.account_id = due.account_id and " ~ key) }}
                {%- endif %}
                or due.landed_at < (select known.known_until from known where known.account_id = due.account_id)
            )
    )
{%- endmacro %}
