{#-
    How models are built here, in place of dbt's own way: nothing is dropped, renamed or swapped, so that grants, comments,
    row-level security and objects that others have built on a table or view stay. The functions are in the schema `ops`.
    A relation that sync-hostaway did not make is refused, however dbt was started.
-#}

{#- A view is touched only when its query changed: that takes a lock which no reader passes. -#}
{% materialization view, adapter="postgres" %}
    {%- set target_relation = this.incorporate(type="view") -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if config.get("contract").enforced %}
        {{ get_assert_columns_equivalent(sql) }}
    {% endif %}
    {% call statement("main", fetch_result=True) -%}
        select ops.build_view(
            '{{ this.schema }}', '{{ this.identifier }}', '{{ local_md5(sql) }}', $sync_hostaway_view$
            {{ sql }}
            $sync_hostaway_view$
        )
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{#-
    A full refresh fills the same table: rows that are no more are deleted, and rows that stay the same are not rewritten.
    Every query reads before anything is locked, and what is locked then are rows.
-#}
{% materialization incremental, adapter="postgres" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set temp_relation = make_temp_relation(target_relation) -%}
    {%- set unique_key = config.get("unique_key") -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append(api.Column.create(column.name, column.data_type)) -%}
    {%- endfor -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}

    {% call statement("prepare", fetch_result=True, auto_begin=False) -%}
        select ops.prepare_table(
            '{{ this.schema }}',
            '{{ this.identifier }}',
            array[{% for column in columns %}'{{ column.name }}'{{ ", " if not loop.last }}{% endfor %}],
            array[{% for column in columns %}'{{ column.dtype }}'{{ ", " if not loop.last }}{% endfor %}]
        )
    {%- endcall %}
    {%- set state = load_result("prepare")["data"][0][0] -%}
    {% if state == "changed" %}
        {#- The lock for new columns is not held while rows are read. -#}
        {% call statement(auto_begin=False) %}commit{% endcall %}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if state == "absent" %}
        {% call statement("main") %}
            {{ get_create_table_as_sql(False, target_relation, sql) }}
        {% endcall %}
        {% do create_indexes(target_relation) %}
        {% call statement("note") %}
            select ops.note_relation('{{ this.schema }}', '{{ this.identifier }}')
        {% endcall %}
    {% else %}
        {% do run_query(get_create_table_as_sql(True, temp_relation, sql)) %}
        {% if not is_incremental() %}
            {% call statement("delete") -%}
                analyze {{ temp_relation }};
                -- `only`: a table of others may inherit from it
                delete from only {{ target_relation }} as present
                where not exists (
                    select 1 from {{ temp_relation }} as built
                    where {% for key in unique_key %}built.{{ key }} = present.{{ key }}{{ " and " if not loop.last }}{% endfor %}
                )
            {%- endcall %}
        {% elif config.get("rebuilt_for") %}
            {#- The model makes all rows of some objects anew: what it does not make any more is deleted. -#}
            {%- set rebuilt = config.get("rebuilt_for") -%}
            {% call statement("delete") -%}
                analyze {{ temp_relation }};
                delete from only {{ target_relation }} as present
                using {{ ref(rebuilt["model"]) }} as rebuilt
                where
                    {% for column in rebuilt["columns"] %}
                    rebuilt.{{ column }} = present.{{ column }}{{ " and " if not loop.last }}
                    {% endfor %}
                    and not exists (
                        select 1 from {{ temp_relation }} as built
                        where {% for key in unique_key %}built.{{ key }} = present.{{ key }}{{ " and " if not loop.last }}{% endfor %}
                    )
            {%- endcall %}
        {% endif %}
        {% call statement("main") %}
            {{ get_incremental_upsert_changed_sql({
                "target_relation": target_relation,
                "temp_relation": temp_relation,
                "unique_key": unique_key,
                "dest_columns": columns,
            }) }}
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{#-
    dbt keeps functions among the relations it knows, and would take one for the table or view of the same name. And it
    ignores case: it would ask for "Guests" to be deleted before it builds guests. Our names are in lower case.
-#}
{% macro postgres__list_relations_without_caching(schema_relation) %}
    {% call statement("list_relations_without_caching", fetch_result=True) -%}
        select
            '{{ schema_relation.database }}' as database,
            present.relname as name,
            namespaces.nspname as schema,
            case present.relkind when 'v' then 'view' when 'm' then 'materialized_view' else 'table' end as type
        from pg_class as present
        inner join pg_namespace as namespaces on present.relnamespace = namespaces.oid
        where
            namespaces.nspname = '{{ schema_relation.schema }}'
            and present.relkind in ('r', 'p', 'v', 'm')
            and present.relname = lower(present.relname)
    {% endcall %}
    {{ return(load_result("list_relations_without_caching").table) }}
{% endmacro %}

{#- For the same reason: dbt would take a schema "Marts" for marts, and not make that. -#}
{% macro postgres__list_schemas(database) %}
    {% call statement("list_schemas", fetch_result=True, auto_begin=False) -%}
        select distinct nspname from pg_namespace where nspname = lower(nspname)
    {% endcall %}
    {{ return(load_result("list_schemas").table) }}
{% endmacro %}

{#- Nothing here drops what stays. Should dbt drop anything else, then never what depends on it. -#}
{% macro postgres__drop_table(relation) -%}
    drop table if exists {{ relation }} restrict
{%- endmacro %}

{% macro postgres__drop_view(relation) -%}
    drop view if exists {{ relation }} restrict
{%- endmacro %}

{% macro postgres__drop_materialized_view(relation) -%}
    drop materialized view if exists {{ relation }} restrict
{%- endmacro %}

{#- dbt truncates a seed, or drops it for a full refresh: the first waits for every reader, the second takes grants along. -#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% set statement = "delete from only " ~ old_relation %}
    {% do run_query(statement) %}
    {{ return(statement) }}
{% endmacro %}
