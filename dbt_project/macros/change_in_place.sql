{#-
    Materializations that change tables and views in place: they drop, rename and swap no relation, so that grants, comments,
    row-level security and dependent objects of users stay. The functions are in the schema `ops`. A relation that
    sync-hostaway did not make is refused, also if a user starts dbt directly.
-#}

{#- A view is changed only when its query changed, because this takes a lock that blocks readers. -#}
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
    A full refresh fills the same table: rows that no longer exist are deleted, and unchanged rows are not
    rewritten. Every query reads before it locks, and then locks only rows.
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
        {#-
            The lock for new columns is not held while rows are read. `and chain`, because psycopg2 does not see this commit and
            begins no transaction for the next statement: the temporary table would be dropped at the end of its own statement.
        -#}
        {% call statement(auto_begin=False) %}commit and chain{% endcall %}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if state == "missing" %}
        {% call statement("main") %}
            {{ get_create_table_as_sql(False, target_relation, sql) }}
        {% endcall %}
        {% do create_indexes(target_relation) %}
        {% call statement("note") %}
            select ops.note_relation('{{ this.schema }}', '{{ this.identifier }}')
        {% endcall %}
    {% else %}
        {% if config.get("contract").enforced %}
            {{ get_assert_columns_equivalent(sql) }}
        {% endif %}
        {#- dbt keeps the connection for the next model, and would keep the table, too. -#}
        {% call statement("build") %}
            create temporary table {{ temp_relation }} on commit drop as {{ sql }}
        {% endcall %}
        {% if not is_incremental() %}
            {% call statement("delete") -%}
                analyze {{ temp_relation }};
                -- `only`: a table of a user may inherit from it
                delete from only {{ target_relation }} as present
                where not exists (
                    select 1 from {{ temp_relation }} as built
                    where {% for key in unique_key %}built.{{ key }} = present.{{ key }}{{ " and " if not loop.last }}{% endfor %}
                )
            {%- endcall %}
        {% elif config.get("rebuilt_for") %}
            {#- The model computes all rows of some objects. Rows of these objects that it does not return are deleted. -#}
            {%- set rebuilt = config.get("rebuilt_for") -%}
            {%- set objects = temp_relation.identifier ~ "_due" -%}
            {% call statement("delete") -%}
                -- A table of its own, because PostgreSQL expects many objects of the view, and would read all rows.
                create temporary table {{ objects }} on commit drop as
                select distinct {{ rebuilt["columns"] | join(", ") }} from {{ ref(rebuilt["model"]) }};
                analyze {{ objects }};
                analyze {{ temp_relation }};
                delete from only {{ target_relation }} as present
                using {{ objects }} as rebuilt
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
    {% do analyze_if_grown(load_result("main")["response"].rows_affected) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{#-
    dbt lists functions among the relations, and would confuse one with the table or view of the same name. It also ignores
    case: it would require that "Guests" is deleted before it builds guests. Our names are in lower case.
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

{#- For the same reason: dbt would confuse a schema "Marts" with marts, and not create marts. -#}
{% macro postgres__list_schemas(database) %}
    {% call statement("list_schemas", fetch_result=True, auto_begin=False) -%}
        select distinct nspname from pg_namespace where nspname = lower(nspname)
    {% endcall %}
    {{ return(load_result("list_schemas").table) }}
{% endmacro %}

{#- These materializations drop no relation. If dbt drops one in another case, dependent objects must stay. -#}
{% macro postgres__drop_table(relation) -%}
    drop table if exists {{ relation }} restrict
{%- endmacro %}

{% macro postgres__drop_view(relation) -%}
    drop view if exists {{ relation }} restrict
{%- endmacro %}

{% macro postgres__drop_materialized_view(relation) -%}
    drop materialized view if exists {{ relation }} restrict
{%- endmacro %}

{#- dbt truncates a seed, which waits for every reader, or drops it for a full refresh, which loses grants. -#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {#-
        A seed has no primary key. Without a replica identity, PostgreSQL refuses to delete from a table of a publication.
        The change waits for readers, so a table without a publication is not changed.
    -#}
    {% do run_query("select ops.execute_with_lock_timeout('alter table " ~ old_relation ~ " replica identity full')
        from pg_class
        where
            oid = '" ~ old_relation ~ "'::regclass
            and relreplident = 'd'
            and exists (
                select from pg_publication_tables
                where
                    pg_publication_tables.schemaname = '" ~ old_relation.schema ~ "'
                    and pg_publication_tables.tablename = '" ~ old_relation.identifier ~ "'
            )
            and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)") %}
    {% set statement = "delete from only " ~ old_relation %}
    {% do run_query(statement) %}
    {{ return(statement) }}
{% endmacro %}
