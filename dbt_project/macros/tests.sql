{% test unique_key(model, columns) %}
    select {{ columns | join(", ") }}
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1
{% endtest %}

{#- The row it points to exists, in the same account. -#}
{% test belongs_to(model, column_name, to, key) %}
    select children.account_id, children.{{ column_name }}
    from {{ model }} as children
    where
        children.{{ column_name }} is not null
        and not exists (
            select 1 from {{ to }} as parents
            where children.account_id = parents.account_id and children.{{ column_name }} = parents.{{ key }}
        )
{% endtest %}

{% test in_range(model, column_name, at_least=none, at_most=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {% if at_least is not none %}or {{ column_name }} < {{ at_least }}{% endif %}
        {% if at_most is not none %}or {{ column_name }} > {{ at_most }}{% endif %}
{% endtest %}

{% test holds(model, expression) %}
    select *
    from {{ model }}
    where not ({{ expression }})
{% endtest %}

{#- The rows of a core table under the key they have in landing. -#}
{% macro entities_of(resource) -%}
    {%- set keys = {
        "listings": "listing_id::text",
        "reservations": "reservation_id::text",
        "conversations": "conversation_id::text",
        "messages": "message_id::text",
        "calendar_days": "listing_id || ':' || to_char(date, 'YYYY-MM-DD')",
    } -%}
    (select account_id, {{ keys[resource] }} as entity_id from {{ ref(resource) }})
{%- endmacro %}
