{#-
    Parents: a row of these resources names an object of another one, which must be in core first.

    {resource: [name of the parent in `ops.deferred_rows`, column with the parent's id]}
-#}
{% macro parents_of() -%}
    {{ return({
        "reservations": ["listing", "listing_id"],
        "conversations": ["reservation", "reservation_id"],
        "messages": ["conversation", "conversation_id"],
        "calendar_days": ["listing", "listing_id"],
    }) }}
{%- endmacro %}

{#-
    Whether the parent of a row is in core, as a condition. For listings, landing is checked: a landed listing enters core with
    the next transform. The others are looked up in core.
-#}
{% macro parent_is_known(resource, account_id, parent_id) -%}
    {%- set parent, key = parents_of()[resource] -%}
    {%- if parent == "listing" -%}
    {{ exists_lookup(
        ref("int_landed_listings"),
        "parent",
        "parent.account_id = " ~ account_id ~ " and parent.entity_id = (" ~ parent_id ~ ")::text",
    ) }}
    {%- else -%}
    {{ exists_lookup(
        ref(parent ~ "s"), "parent", "parent.account_id = " ~ account_id ~ " and parent." ~ key ~ " = " ~ parent_id
    ) }}
    {%- endif -%}
{%- endmacro %}
