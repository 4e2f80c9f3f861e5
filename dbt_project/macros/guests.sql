{#- The newest value that is there, of reservations numbered by `place` from the newest on. -#}
{% macro latest(value) -%}
    (array_agg({{ value }} order by place) filter (where {{ value }} is not null))[1]
{%- endmacro %}
