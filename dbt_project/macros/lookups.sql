{#-
    Rows of a relation that fit a condition, for `cross join` or `left join`.

    `offset 0` makes PostgreSQL look
    up each row by its key. The sizes of loads differ by orders of magnitude: with a plan for an average load, the query
    would read the whole table, or unpack all its payloads, for a single row.
-#}
{% macro lateral_lookup(relation, alias, condition) -%}
    lateral (
        select * from {{ relation }} as {{ alias }} where {{ condition }} limit all offset 0
    ) as {{ alias }}
{%- endmacro %}

{#- Whether a relation has a row that matches a condition, looked up by key for the same reason. -#}
{% macro exists_lookup(relation, alias, condition) -%}
    exists (
        select 1 from {{ relation }} as {{ alias }} where {{ condition }} limit all offset 0
    )
{%- endmacro %}
