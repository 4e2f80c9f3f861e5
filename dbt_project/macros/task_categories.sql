{#- Categories of a task by name; an unknown number stays a number. -#}
{% macro task_categories(numbers) -%}
    {%- set found = namespace(value=numbers) -%}
    {%- for name in ["cleaning", "maintenance", "check-in", "check-out", "back office", "other"] -%}
        {%- set found.value = "array_replace(" ~ found.value ~ ", '" ~ loop.index ~ "', '" ~ name ~ "')" -%}
    {%- endfor -%}
    {{ found.value }}
{%- endmacro %}
