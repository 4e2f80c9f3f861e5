{#- Stamp (`synced_at`) of the rows that this transform changes. -#}
{% macro current_transform_at() -%}
    (select current_transform.transform_at from {{ source("ops", "current_transform") }} as current_transform)
{%- endmacro %}

{#- Stamp of the last transform that succeeded: rows with a later stamp have changed since. -#}
{% macro previous_transform_at() -%}
    (select current_transform.last_success_at from {{ source("ops", "current_transform") }} as current_transform)
{%- endmacro %}
