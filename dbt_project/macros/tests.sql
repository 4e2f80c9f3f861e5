{% test unique_key(model, columns) %}
    select {{ columns | join(", ") }}
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1
{% endtest %}

{#-
    The row it points to exists, in the same account.

    :param unless_missing_in: the resource it is made of; what has not landed, or is held back, is not asked for.
-#}
{% test belongs_to(model, column_name, to, key, unless_missing_in=none) %}
    select children.account_id, children.{{ column_name }}
    from {{ model }} as children
    where
        children.{{ column_name }} is not null
        and not exists (
            select 1 from {{ to }} as parents
            where children.account_id = parents.account_id and children.{{ column_name }} = parents.{{ key }}
        )
        {%- if unless_missing_in %}
        and exists (
            select 1
            from {{ source("landing", unless_missing_in) }} as landed
            -- loads that were done long ago are deleted
            left join {{ source("ops", "loads") }} as loads on landed.load_id = loads.load_id
            left join {{ source("ops", "held_rows") }} as held
                on
                    held.resource = '{{ unless_missing_in }}'
                    and landed.account_id = held.account_id
                    and landed.entity_id = held.entity_id
            where
                landed.account_id = children.account_id
                and landed.entity_id = children.{{ column_name }}::text
                and (loads.load_id is null or loads.transformed_at is not null)
                and held.entity_id is null
        )
        {%- endif %}
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

{#-
    Landing and core hold the same rows: a landed row is in core or held back, and core has no other. Rows of loads that
    no transform has finished are not looked at.

    :param key: the row's key in landing, made of columns of the model.
-#}
{% test all_in_core(model, resource, key) %}
    select
        coalesce(landed.account_id, core.account_id) as account_id,
        coalesce(landed.entity_id, core.entity_id) as entity_id,
        case when landed.entity_id is null then 'only in core' else 'only in landing' end as trouble
    from {{ source("landing", resource) }} as landed
    full join (select account_id, {{ key }} as entity_id from {{ model }}) as core
        on landed.account_id = core.account_id and landed.entity_id = core.entity_id
    where
        landed.entity_id is null
        or (
            core.entity_id is null
            and not exists (
                select 1 from {{ source("ops", "held_rows") }} as held
                where
                    held.resource = '{{ resource }}'
                    and held.account_id = landed.account_id
                    and held.entity_id = landed.entity_id
            )
            and not exists (
                select 1 from {{ source("ops", "loads") }} as loads
                where loads.load_id = landed.load_id and loads.transformed_at is null
            )
        )
{% endtest %}
