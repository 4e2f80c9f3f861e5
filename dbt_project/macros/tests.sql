{#- Generic tests with the names of dbt_utils. Two of them have more arguments for this project's tables. -#}

{% test unique_combination_of_columns(model, combination_of_columns) %}
    select {{ combination_of_columns | join(", ") }}
    from {{ model }}
    group by {{ combination_of_columns | join(", ") }}
    having count(*) > 1
{% endtest %}

{#-
    The row to which an id refers exists in the same account.

    :param unless_missing_in: the resource that the parents are made of. A parent that has not landed, whose load is not
        transformed yet, or that is deferred itself is not required.
-#}
{% test relationships_where(model, column_name, to, field, from_condition="true", to_condition="true", unless_missing_in=none) %}
    select children.account_id, children.{{ column_name }}
    from {{ model }} as children
    where
        children.{{ column_name }} is not null
        and {{ from_condition }}
        and not exists (
            select 1 from {{ to }} as parents
            where
                children.account_id = parents.account_id
                and children.{{ column_name }} = parents.{{ field }}
                and {{ to_condition }}
        )
        {%- if unless_missing_in %}
        and exists (
            select 1
            from {{ source("landing", unless_missing_in) }} as landed
            -- loads that were done long ago are deleted
            left join {{ source("ops", "loads") }} as loads on landed.load_id = loads.load_id
            left join {{ source("ops", "deferred_rows") }} as deferred
                on
                    deferred.resource = '{{ unless_missing_in }}'
                    and landed.account_id = deferred.account_id
                    and landed.entity_id = deferred.entity_id
            where
                landed.account_id = children.account_id
                and landed.entity_id = children.{{ column_name }}::text
                and (loads.load_id is null or loads.transformed_at is not null)
                and deferred.entity_id is null
        )
        {%- endif %}
{% endtest %}

{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {% if min_value is not none %}or {{ column_name }} < {{ min_value }}{% endif %}
        {% if max_value is not none %}or {{ column_name }} > {{ max_value }}{% endif %}
{% endtest %}

{% test expression_is_true(model, expression) %}
    select *
    from {{ model }}
    where not ({{ expression }})
{% endtest %}

{#-
    Landing and core hold the same rows: each landed row is in core or deferred, and core has no other. Rows of loads that
    no transform has finished are left out.

    :param key: the row's key in landing, made of columns of the model.
-#}
{% test all_in_core(model, resource, key) %}
    select
        coalesce(landed.account_id, core.account_id) as account_id,
        coalesce(landed.entity_id, core.entity_id) as entity_id,
        case when landed.entity_id is null then 'only in core' else 'only in landing' end as difference
    from {{ source("landing", resource) }} as landed
    full join (select account_id, {{ key }} as entity_id from {{ model }}) as core
        on landed.account_id = core.account_id and landed.entity_id = core.entity_id
    where
        landed.entity_id is null
        or (
            core.entity_id is null
            and not exists (
                select 1 from {{ source("ops", "deferred_rows") }} as deferred
                where
                    deferred.resource = '{{ resource }}'
                    and deferred.account_id = landed.account_id
                    and deferred.entity_id = landed.entity_id
            )
            and not exists (
                select 1 from {{ source("ops", "loads") }} as loads
                where loads.load_id = landed.load_id and loads.transformed_at is null
            )
        )
{% endtest %}
