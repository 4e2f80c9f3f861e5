{#-
    Incremental strategy: insert new rows, update rows in which at least one column differs, and do not write other rows.

    The conflict target is the model's `unique_key`, which must be its primary key. Columns named in `audit_columns`
    (default: synced_at) have the time of the write: they are set together with the others, but a difference in them alone causes no update.
-#}
{% macro get_incremental_upsert_changed_sql(arg_dict) %}
    {%- set keys = arg_dict["unique_key"] -%}
    {%- if not keys -%}
        {{ exceptions.raise_compiler_error("upsert_changed needs unique_key: the columns of the primary key") }}
    {%- endif -%}
    {%- set keys = [keys] if keys is string else keys -%}
    {%- set audit = config.get("audit_columns", ["synced_at"]) -%}
    {%- set columns, updated, compared = [], [], [] -%}
    {%- for column in arg_dict["dest_columns"] -%}
        {%- do columns.append(adapter.quote(column.name)) -%}
        {%- if column.name not in keys -%}
            {%- do updated.append(adapter.quote(column.name)) -%}
            {%- if column.name not in audit -%}
                {%- do compared.append(adapter.quote(column.name)) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    insert into {{ arg_dict["target_relation"] }} as present ({{ columns | join(", ") }})
    select {{ columns | join(", ") }}
    from {{ arg_dict["temp_relation"] }}
    on conflict ({{ keys | join(", ") }}) do update set
        {% for column in updated -%}
            {{ column }} = excluded.{{ column }}{{ ", " if not loop.last }}
        {%- endfor %}
    {% if compared -%}
    where
        ({% for column in compared %}present.{{ column }}{{ ", " if not loop.last }}{% endfor %})
        is distinct from
        ({% for column in compared %}excluded.{{ column }}{{ ", " if not loop.last }}{% endfor %})
    {%- endif %}
{% endmacro %}
