{#-
    Makes the descriptions of a model and of its columns comments of its table, where psql and BI tools show them. In a
    hook, when the project has changed or the table is new: dbt's persist_docs would write all of them at every run.

    The texts go in as JSON, without a character that could end the quotes around it. Only a table's owner may comment on
    it, and rows come in without that, too.
-#}
{% macro missing_descriptions() -%}
    {%- set texts = {"": _on_one_line(model.description)} -%}
    {%- for column in model.columns.values() -%}
        {%- do texts.update({column.name: _on_one_line(column.description)}) -%}
    {%- endfor %}
    do $$
    declare
        statement text;
    begin
        if
            (select clock.reads_all from {{ source("ops", "transform_clock") }} as clock)
            or obj_description('{{ this }}'::regclass, 'pg_class') is null
        then
            for statement in
                select
                    case
                        when present.attnum is null then format('comment on table %s is %L', core.oid::regclass, wanted.value)
                        else format('comment on column %s.%I is %L', core.oid::regclass, wanted.key, wanted.value)
                    end
                from pg_class as core
                cross join jsonb_each_text($json${{ tojson(texts) | replace("$", "\\u0024") }}$json$) as wanted
                left join pg_attribute as present on core.oid = present.attrelid and wanted.key = present.attname
                where
                    core.oid = '{{ this }}'::regclass
                    and pg_has_role(core.relowner, 'usage')
                    and (wanted.key = '' or present.attnum > 0)
                    and col_description(core.oid, coalesce(present.attnum, 0)) is distinct from nullif(wanted.value, '')
            loop
                execute statement;
            end loop;
        end if;
    end
    $$;
{%- endmacro %}

{% macro _on_one_line(text) -%}
    {{ return((text or "").split() | join(" ")) }}
{%- endmacro %}
