{#- The time zone of a listing, as `name`, for a `join`; UTC if PostgreSQL does not have it. Looked up once per row. -#}
{% macro local_zone(name, alias) -%}
    lateral (
        select coalesce(ops.time_zone({{ name }}), 'UTC') as name limit all offset 0
    ) as {{ alias }}
{%- endmacro %}
