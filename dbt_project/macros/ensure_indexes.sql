{#-
    Creates the missing indexes of a model's table when the project has changed. dbt makes indexes only together with the
    table, and an older version of the project may have made the table.
-#}
{% macro ensure_indexes() -%}
    {%- set indexes = config.get("indexes", []) -%}
    {%- if indexes %}
    do $$
    begin
        if (select current_transform.full_rebuild from {{ source("ops", "current_transform") }} as current_transform) then
            {%- for index in indexes %}
            {%- set columns = "(" ~ index.columns | join(", ") ~ ")" %}
            if not exists (
                select 1 from pg_indexes
                where
                    schemaname = '{{ this.schema }}'
                    and tablename = '{{ this.identifier }}'
                    and indexdef like '% {{ columns | replace("'", "''") }}'
            ) then
                create index on {{ this }} using {{ index.type or "btree" }} {{ columns }};
            end if;
            {%- endfor %}
        end if;
    end
    $$;
    {%- endif %}
{%- endmacro %}
