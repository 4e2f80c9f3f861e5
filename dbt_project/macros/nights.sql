{#- Nights between two days; null where one is not known, and none where a departure is before the arrival. -#}
{% macro nights_between(arrival, departure) -%}
    case
        when {{ departure }} >= {{ arrival }} then {{ departure }} - {{ arrival }}
        when {{ departure }} < {{ arrival }} then 0
    end
{%- endmacro %}
