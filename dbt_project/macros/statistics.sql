{#-
    Has PostgreSQL analyze the table of a model in which many rows were written: when every row is read, and when an account
    has grown. The models that follow are planned from these statistics; autovacuum would come after they are built.
-#}
{% macro analyze_if_grown(rows_written) -%}
    {%- if rows_written | int(0) >= 100 -%}
        {% call statement("statistics") -%}
            do $$
            begin
                if (
                    select current_transform.full_rebuild or current_transform.accounts_grew
                    from {{ source("ops", "current_transform") }} as current_transform
                ) then
                    analyze {{ this }};
                end if;
            end
            $$;
        {%- endcall %}
    {%- endif -%}
{%- endmacro %}

{#- Has autovacuum look at the table early enough: see ops.set_autovacuum. A full refresh fills the same table, and keeps it. -#}
{% macro ensure_autovacuum() -%}
    select ops.set_autovacuum('{{ this }}')
    from {{ source("ops", "current_transform") }} as current_transform
    where current_transform.full_rebuild;
{%- endmacro %}
