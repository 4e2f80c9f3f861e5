-- Changing a table in place, and its comments.

---------------------------------------------------------------------- building a table

create function ops.not_filled(p_table oid, p_columns text[]) returns table (attname name, attnum smallint)
language sql
stable
begin atomic
    select columns.attname, columns.attnum
    from pg_attribute as columns
    where
        columns.attrelid = p_table
        and columns.attnum > 0
        and columns.attnotnull
        and not columns.atthasdef
        and columns.attidentity = ''
        and not columns.attisdropped
        and columns.attname <> all(p_columns)
        and not exists (
            select 1 from pg_index
            where indrelid = p_table and indisprimary and columns.attnum = any(indkey)
        );
end;
comment on function ops.not_filled(oid, text[]) is
    'The not null columns of a table that are not among the columns of its model';

create function ops.prepare_table(p_schema text, p_name text, p_columns text[], p_types text[]) returns text
language plpgsql
as $$
declare
    full_name constant text := format('%I.%I', p_schema, p_name);
    present constant oid := to_regclass(full_name);
    ours text[];
    not_filled text;
    changes text;
begin
    perform ops.refuse_foreign(p_schema, p_name, 'table');
    if present is null then
        return 'missing';
    end if;
    if present <> (select relation_id from ops.relations where schema_name = p_schema and relation_name = p_name) then
        -- restored from a backup
        perform ops.note_relation(p_schema, p_name);
    end if;
    select not_null_columns into ours from ops.relations where schema_name = p_schema and relation_name = p_name;
    select string_agg(quote_ident(columns.attname), ', ' order by columns.attnum) into not_filled
    from ops.not_filled(present, p_columns) as columns
    where columns.attname <> all(ours);
    -- invariant: a constraint of others stays
    if not_filled is not null then
        raise exception 'Others made columns of % not null that sync-hostaway does not fill: %', full_name, not_filled
            using
                errcode = 'not_null_violation',
                hint = format('Give each a default, or allow null: alter table %s alter column … drop not null', full_name);
    end if;
    select string_agg(parts.part, ', ' order by parts.place) into changes
    from (
        select wanted.place, format('add column %I %s', wanted.name, wanted.data_type) as part
        from unnest(p_columns, p_types) with ordinality as wanted (name, data_type, place)
        where not exists (
            select 1 from pg_attribute as columns
            where columns.attrelid = present and columns.attname = wanted.name and not columns.attisdropped
        )
        union all
        -- a column that the project does not fill any more stays with its values
        select 0, format('alter column %I drop not null', columns.attname)
        from ops.not_filled(present, p_columns) as columns
    ) as parts;
    if changes is null then
        return 'present';
    end if;
    perform ops.execute_with_lock_timeout(format('alter table %s %s', full_name, changes));
    return 'changed';
end
$$;
comment on function ops.prepare_table(text, text, text[], text[]) is
    'The state of a table: missing, present, or changed when columns of its model were added';

create function ops.put_column_types(p_table oid, p_columns text[], p_types text[]) returns void
language plpgsql
as $$
declare
    numbers constant smallint[] := array(
        select attnum from pg_attribute where attrelid = p_table and attname = any(p_columns) and not attisdropped
    );
    detached jsonb;
    wanted record;
begin
    detached := ops.detach_views(p_table, numbers);
    for wanted in select * from unnest(p_columns, p_types) as columns (name, data_type) loop
        begin
            execute format(
                'alter table %1$s alter column %2$I type %3$s using %2$I::%3$s', p_table::regclass, wanted.name, wanted.data_type
            );
        exception when cannot_coerce or data_exception or datatype_mismatch then
            -- The transform that follows reads every row again.
            execute format(
                'alter table %1$s alter column %2$I type %3$s using null::%3$s', p_table::regclass, wanted.name, wanted.data_type
            );
        end;
    end loop;
    perform ops.attach_views(detached);
end
$$;

create function ops.change_types(p_table oid, p_columns text[], p_types text[]) returns void
language sql
as $$
    select ops.execute_with_lock_timeout(format('select ops.put_column_types(%s, %L::text[], %L::text[])', p_table, p_columns, p_types))
$$;
comment on function ops.change_types(oid, text[], text[]) is
    'Changes the types of columns in place. Grants, comments and views on the table stay; otherwise it refuses';

---------------------------------------------------------------------- comments

create function ops.describe(p_relation regclass, p_hash text, p_texts jsonb) returns void
language plpgsql
as $$
declare
    noted ops.relations;
    statement text;
begin
    select * into noted from ops.relations where relation_id = p_relation;
    if noted.description_hash = p_hash or not (
        select pg_has_role(relowner, 'usage') and has_table_privilege('ops.relations', 'update')
        from pg_class where oid = p_relation
    ) then
        return;
    end if;
    for statement in
        select
            case
                when columns.attnum is not null
                    then format('comment on column %s.%I is %L', p_relation, wanted.key, wanted.value)
                else format(
                    'comment on %s %s is %L', case present.relkind when 'v' then 'view' else 'table' end, p_relation, wanted.value
                )
            end
        from pg_class as present
        cross join jsonb_each_text(p_texts) as wanted
        left join pg_attribute as columns
            on present.oid = columns.attrelid and wanted.key = columns.attname and columns.attnum > 0
        cross join lateral (
            select col_description(present.oid, coalesce(columns.attnum, 0)) as comment
        ) as written
        where
            present.oid = p_relation
            and (wanted.key = '' or columns.attnum is not null)
            and written.comment is distinct from nullif(wanted.value, '')
            -- a comment that we did not write is left alone
            and (
                written.comment is null
                or noted.descriptions is null
                or written.comment = noted.descriptions ->> wanted.key
            )
    loop
        execute statement;
    end loop;
    update ops.relations set descriptions = p_texts, description_hash = p_hash where relation_id = p_relation;
end
$$;
comment on function ops.describe(regclass, text, jsonb) is
    'Makes the project''s descriptions the comments of a relation and its columns, when they changed. The key '''' is the relation itself';
