{#-
    Makes the indexes of a model that its table lacks, in a hook, when the project has changed. dbt makes them together with
    the table, and an older version of the project may have made that.
-#}
{% macro missing_indexes() -%}
    {%- set indexes = config.get("indexes", []) -%}
    {%- if indexes %}
    do $$
    begin
        if (select clock.reads_all from {{ source("ops", "transform_clock") }} as clock) then
            {%- for index in indexes %}
            {%- set columns = "(" ~ index.columns | join(", ") ~ ")" %}
            if not exists (
                select 1 from pg_indexes
                where
                    schemaname = '{{ this.schema }}'
                    and tablename = '{{ this.identifier }}'
                    and indexdef like '% {{ columns }}'
            ) then
                create index on {{ this }} {{ columns }};
            end if;
            {%- endfor %}
        end if;
    end
    $$;
    {%- endif %}
{%- endmacro %}
