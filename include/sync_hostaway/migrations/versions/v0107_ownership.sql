-- Which relations dbt made here, and functions that change these in place: what others built on them, and what was
-- granted on them, stays.

---------------------------------------------------------------------- ownership

create table ops.relations (
    schema_name     text not null,
    relation_name   text not null,
    kind            text not null check (kind in ('table', 'view')),
    relation_id     oid not null,
    registry_id     oid not null,
    definition_hash text,
    not_null_columns text[],
    descriptions    jsonb,
    description_hash text,
    noted_at        timestamptz not null default clock_timestamp(),
    -- invariant: a relation that is not named here is not ours, and is never changed
    primary key (schema_name, relation_name)
);
comment on table ops.relations is 'the tables and views that dbt made in the schemas hostaway, staging and marts; any other relation there is not ours';
comment on column ops.relations.relation_id is 'a relation that was dropped and made again under the same name is another one';
comment on column ops.relations.registry_id is
    'oid of this table when the row was written. After a restore it is another one, as all oids are: then the name and the kind decide';
comment on column ops.relations.definition_hash is 'of a view: MD5 of the query it was last built from; null: it is to be built again';
comment on column ops.relations.not_null_columns is
    'of a table: the columns that dbt made not null. Such a column of others is never made nullable';
comment on column ops.relations.descriptions is 'the comments that were written. Another text is not ours, and stays';

create function ops.note_relation(p_schema text, p_name text, p_hash text default null) returns void
language sql
begin atomic
    insert into ops.relations as noted (
        schema_name, relation_name, kind, relation_id, registry_id, definition_hash, not_null_columns
    )
    select
        namespaces.nspname,
        present.relname,
        case present.relkind when 'r' then 'table' when 'v' then 'view' end,
        present.oid,
        'ops.relations'::regclass,
        p_hash,
        array(
            select columns.attname::text from pg_attribute as columns
            where columns.attrelid = present.oid and columns.attnum > 0 and columns.attnotnull
        )
    from pg_class as present
    inner join pg_namespace as namespaces on present.relnamespace = namespaces.oid
    where namespaces.nspname = p_schema and present.relname = p_name and present.relkind in ('r', 'v')
    on conflict (schema_name, relation_name) do update set
        kind = excluded.kind,
        relation_id = excluded.relation_id,
        registry_id = excluded.registry_id,
        definition_hash = excluded.definition_hash,
        -- Restored from a backup, the table may have not null columns of others.
        not_null_columns = case
            when noted.registry_id = excluded.registry_id and noted.relation_id <> excluded.relation_id
                then excluded.not_null_columns
            else coalesce(noted.not_null_columns, excluded.not_null_columns)
        end,
        noted_at = clock_timestamp();
end;
comment on function ops.note_relation(text, text, text) is
    'Makes a table or view one of ours. Also for a single one that was restored from a backup';

create view ops.our_relations as
select
    noted.schema_name,
    noted.relation_name,
    noted.kind,
    present.oid as relation_id
from ops.relations as noted
inner join pg_namespace as namespaces on noted.schema_name = namespaces.nspname
inner join pg_class as present on namespaces.oid = present.relnamespace and noted.relation_name = present.relname
where
    present.relkind = case noted.kind when 'table' then 'r' else 'v' end::"char"
    and (noted.relation_id = present.oid or noted.registry_id <> 'ops.relations'::regclass);
comment on view ops.our_relations is 'those of ops.relations that are there, with their present oid';

create function ops.foreign_relations(p_schemas text[], p_names text[], p_kinds text[])
returns table (schema_name text, relation_name text, kind text)
language sql
stable
begin atomic
    select
        wanted.schema_name,
        wanted.relation_name,
        coalesce(
            case present.relkind
                when 'r' then 'table'
                when 'p' then 'partitioned table'
                when 'v' then 'view'
                when 'm' then 'materialized view'
                when 'f' then 'foreign table'
                when 'S' then 'sequence'
                when 'c' then 'composite type'
                when 'i' then 'index'
                when 'I' then 'index'
            end,
            'type'
        ) as kind
    from unnest(p_schemas, p_names, p_kinds) as wanted (schema_name, relation_name, kind)
    inner join pg_namespace as namespaces on wanted.schema_name = namespaces.nspname
    left join pg_class as present on namespaces.oid = present.relnamespace and wanted.relation_name = present.relname
    -- a table or view brings a type of its name
    left join pg_type as types
        on namespaces.oid = types.typnamespace and wanted.relation_name = types.typname and present.oid is null
    where
        (present.oid is not null or types.oid is not null)
        and not exists (
            select 1 from ops.our_relations as ours where ours.relation_id = present.oid and ours.kind = wanted.kind
        )
    order by wanted.schema_name, wanted.relation_name;
end;
comment on function ops.foreign_relations(text[], text[], text[]) is
    'Of the relations that dbt is about to build, those that are there and are not ours';

create function ops.refuse_foreign(p_schema text, p_name text, p_kind text) returns void
language plpgsql
as $$
declare
    found record;
begin
    select * into found from ops.foreign_relations(array[p_schema], array[p_name], array[p_kind]);
    if found is not null then
        raise exception 'The % %.% was not made by sync-hostaway and stays as it is: rename it or move it to another schema',
            found.kind, quote_ident(p_schema), quote_ident(p_name)
            using errcode = 'duplicate_table';
    end if;
end
$$;

---------------------------------------------------------------------- locks

create function ops.patiently(p_statement text) returns void
language plpgsql
as $$
declare
    before constant text := current_setting('lock_timeout');
begin
    -- A lock that is waited for holds up every later reader: so for a second, and then they have their turn.
    for attempt in 1..20 loop
        begin
            perform set_config('lock_timeout', '1s', true);
            execute p_statement;
            perform set_config('lock_timeout', before, true);
            return;
        exception when lock_not_available then
            if attempt = 20 then
                raise exception 'Other sessions have kept a lock for too long, which this needs: %', left(p_statement, 200)
                    using errcode = 'lock_not_available', hint = 'It is tried again with the next transform';
            end if;
            perform pg_sleep(1);
        end;
    end loop;
end
$$;
comment on function ops.patiently(text) is
    'Executes a statement that needs a strong lock. Readers wait for at most a second at a time; after twenty tries it gives up';

---------------------------------------------------------------------- what depends on a relation

create function ops.dependents(p_relation oid, p_columns smallint[] default null)
returns table (view_id oid, description text)
language sql
stable
begin atomic
    -- view_id: a plain view, which can be changed together with the relation. Null: the object that prevents it.
    select distinct
        case when users.relkind = 'v' and rules.rulename = '_RETURN' then users.oid end as view_id,
        case
            when users.oid is null or users.oid = p_relation
                then pg_describe_object(depend.classid, depend.objid, depend.objsubid)
            else pg_describe_object('pg_class'::regclass, users.oid, 0)
        end as description
    from pg_depend as depend
    left join pg_rewrite as rules on depend.classid = 'pg_rewrite'::regclass and depend.objid = rules.oid
    left join pg_class as users on rules.ev_class = users.oid
    where
        (
            (
                depend.refclassid = 'pg_class'::regclass
                and depend.refobjid = p_relation
                and (p_columns is null or depend.refobjsubid = any(p_columns))
            )
            or (
                depend.refclassid = 'pg_type'::regclass
                and p_columns is null
                and depend.refobjid in (
                    select unnest(array[types.oid, types.typarray]) from pg_type as types where types.typrelid = p_relation
                )
            )
        )
        and depend.deptype in ('n', 'a')
        -- what a change of a column's type takes along, and the query of the view itself
        and not (p_columns is not null and depend.classid in ('pg_class'::regclass, 'pg_constraint'::regclass))
        and not (
            p_columns is not null and depend.classid = 'pg_attrdef'::regclass
            and not exists (
                select 1 from pg_attribute as generated
                inner join pg_attrdef as expressions
                    on generated.attrelid = expressions.adrelid and generated.attnum = expressions.adnum
                where expressions.oid = depend.objid and generated.attgenerated <> ''
            )
        )
        and not (users.oid is not distinct from p_relation and rules.rulename = '_RETURN');
end;

create function ops.not_built_yet() returns boolean
language plpgsql
as $$
begin
    raise exception 'This view of sync-hostaway is being rebuilt: try again in a moment'
        using hint = 'If it stays so, the last transform failed: see ops.transforms';
end
$$;

create function ops.detach_views(p_relation oid, p_columns smallint[] default null) returns jsonb
language plpgsql
as $$
declare
    obstacles text;
    dependent record;
    detached jsonb := '[]';
begin
    select string_agg(description, ', ' order by description) into obstacles
    from ops.dependents(p_relation, p_columns)
    where view_id is null;
    if obstacles is not null then
        raise exception '% cannot be changed while this depends on it: %', p_relation::regclass, obstacles
            using
                errcode = 'dependent_objects_still_exist',
                hint = 'Drop these, run `sync-hostaway transform`, and create them again';
    end if;
    for dependent in
        select
            views.oid,
            views.oid::regclass::text as name,
            pg_get_viewdef(views.oid) as query,
            coalesce(' with (' || array_to_string(views.reloptions, ', ') || ')', '') as options,
            (
                select string_agg(
                    format(
                        'null::%s%s as %I',
                        format_type(columns.atttypid, columns.atttypmod),
                        case
                            when columns.attcollation not in (0, types.typcollation) then ' collate ' || (
                                select format('%I.%I', collnamespace::regnamespace::text, collname)
                                from pg_collation where oid = columns.attcollation
                            )
                            else ''
                        end,
                        columns.attname
                    ),
                    ', ' order by columns.attnum
                )
                from pg_attribute as columns
                inner join pg_type as types on columns.atttypid = types.oid
                where columns.attrelid = views.oid and columns.attnum > 0 and not columns.attisdropped
            ) as placeholder,
            exists (select 1 from ops.our_relations as ours where ours.relation_id = views.oid) as is_ours
        from pg_class as views
        where views.oid in (select view_id from ops.dependents(p_relation, p_columns))
        order by views.oid
    loop
        -- It keeps its oid, and with that its grants, its comments and what depends on it.
        begin
            execute format('create or replace view %s as select %s where ops.not_built_yet()', dependent.name, dependent.placeholder);
        exception when insufficient_privilege then
            raise exception '% cannot be changed while view % of another role depends on it', p_relation::regclass, dependent.name
                using
                    errcode = 'dependent_objects_still_exist',
                    hint = 'Drop it, run `sync-hostaway transform`, and create it again';
        end;
        detached := detached || jsonb_build_array(to_jsonb(dependent));
    end loop;
    return detached;
end
$$;
comment on function ops.detach_views(oid, smallint[]) is
    'Frees a relation, or some of its columns, of the views that read it, without dropping one. To be followed by attach_views in the same transaction';

create function ops.attach_views(p_detached jsonb) returns void
language plpgsql
as $$
declare
    dependent record;
begin
    for dependent in
        select * from jsonb_to_recordset(p_detached) as detached (oid oid, name text, query text, options text, is_ours boolean)
    loop
        begin
            execute format('create or replace view %s%s as %s', dependent.name, dependent.options, dependent.query);
        exception when undefined_column or undefined_table or undefined_function or invalid_table_definition
            or datatype_mismatch or feature_not_supported or indeterminate_datatype then
            if not dependent.is_ours then
                raise exception 'The view % reads what a new version changes, and would not work any more: %', dependent.name, sqlerrm
                    using
                        errcode = 'dependent_objects_still_exist',
                        hint = 'Drop it, run `sync-hostaway transform`, and create it again so that it fits';
            end if;
            -- The same dbt run builds it again.
            update ops.relations as noted
            set definition_hash = null
            from ops.our_relations as ours
            where
                ours.relation_id = dependent.oid
                and noted.schema_name = ours.schema_name
                and noted.relation_name = ours.relation_name;
        end;
    end loop;
end
$$;

---------------------------------------------------------------------- building a view

-- Default privileges (`alter default privileges`) give a new view grants that may have been revoked on the old one.
create function ops.rebuild_view(p_view oid, p_name text, p_options text, p_query text) returns void
language plpgsql
as $$
declare
    owner constant regrole := (select relowner from pg_class where oid = p_view);
    restore text[];
    detached jsonb;
    statement text;
begin
    detached := ops.detach_views(p_view);
    select array_agg(commands.command order by commands.place) into restore
    from (
        select 1 as place, format('alter view %s owner to %s', p_name, owner) as command
        where owner <> current_user::regrole
        union all
        -- what the owner may not do on purpose: the grants below give back the rest
        select 1.5, format('revoke all on %s from %s', p_name, owner)
        from pg_class where oid = p_view and relacl is not null
        union all
        select 2, format('comment on view %s is %L', p_name, obj_description(p_view, 'pg_class'))
        where obj_description(p_view, 'pg_class') is not null
        union all
        select 3, format('comment on column %s.%I is %L', p_name, columns.attname, col_description(p_view, columns.attnum))
        from pg_attribute as columns
        where columns.attrelid = p_view and columns.attnum > 0 and col_description(p_view, columns.attnum) is not null
        union all
        select
            4,
            format(
                'grant %s on %s to %s%s',
                granted.privilege_type,
                p_name,
                case when granted.grantee = 0 then 'public' else granted.grantee::regrole::text end,
                case when granted.is_grantable then ' with grant option' else '' end
            )
        from pg_class as present
        cross join aclexplode(present.relacl) as granted
        where present.oid = p_view
        union all
        select
            5,
            format(
                'grant %s (%I) on %s to %s%s',
                granted.privilege_type,
                columns.attname,
                p_name,
                case when granted.grantee = 0 then 'public' else granted.grantee::regrole::text end,
                case when granted.is_grantable then ' with grant option' else '' end
            )
        from pg_attribute as columns
        cross join aclexplode(columns.attacl) as granted
        where columns.attrelid = p_view and columns.attnum > 0
    ) as commands;
    execute format('drop view %s restrict', p_name);
    execute format('create view %s%s as %s', p_name, p_options, p_query);
    -- invariant: a view that is made again is open to those who could read it before, and to no other
    for statement in
        select distinct format(
            'revoke all on %s from %s',
            p_name,
            case when granted.grantee = 0 then 'public' else granted.grantee::regrole::text end
        )
        from pg_class as made
        cross join aclexplode(made.relacl) as granted
        where made.oid = p_name::regclass and granted.grantee <> made.relowner
    loop
        execute statement;
    end loop;
    foreach statement in array coalesce(restore, '{}') loop
        begin
            execute statement;
        exception when undefined_column then
            null; -- a comment or grant on a column that the view does not have any more
        end;
    end loop;
    perform ops.attach_views(detached);
end
$$;

create function ops.put_view(p_schema text, p_name text, p_query text) returns void
language plpgsql
as $$
declare
    full_name constant text := format('%I.%I', p_schema, p_name);
    present constant oid := to_regclass(full_name);
    options constant text := coalesce(
        (select ' with (' || array_to_string(reloptions, ', ') || ')' from pg_class where oid = present and reloptions is not null), ''
    );
begin
    execute format('create or replace view %s%s as %s', full_name, options, p_query);
exception when invalid_table_definition then
    -- columns that went away, moved or got another type
    perform ops.rebuild_view(present, full_name, options, p_query);
end
$$;

create function ops.build_view(p_schema text, p_name text, p_hash text, p_query text) returns text
language plpgsql
as $$
declare
    noted ops.relations;
    present constant oid := to_regclass(format('%I.%I', p_schema, p_name));
begin
    perform ops.refuse_foreign(p_schema, p_name, 'view');
    select * into noted from ops.relations where schema_name = p_schema and relation_name = p_name;
    if noted.relation_id = present and noted.definition_hash = p_hash then
        return 'UNCHANGED';
    end if;
    perform ops.patiently(format('select ops.put_view(%L, %L, %L)', p_schema, p_name, p_query));
    perform ops.note_relation(p_schema, p_name, p_hash);
    return case when present is null then 'CREATE VIEW' else 'REPLACE VIEW' end;
end
$$;
comment on function ops.build_view(text, text, text, text) is
    'Creates a view, or makes it what the project says now, when that differs. Grants, comments, owner, options and dependent objects stay, or it refuses';

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
    'The not null columns of a table that a model which fills only these columns would leave null';

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
        -- a column that the project does not fill any more stays, with what it holds
        select 0, format('alter column %I drop not null', columns.attname)
        from ops.not_filled(present, p_columns) as columns
    ) as parts;
    if changes is null then
        return 'present';
    end if;
    perform ops.patiently(format('alter table %s %s', full_name, changes));
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
    select ops.patiently(format('select ops.put_column_types(%s, %L::text[], %L::text[])', p_table, p_columns, p_types))
$$;
comment on function ops.change_types(oid, text[], text[]) is
    'Gives columns of a table other types, in place. Grants, comments and views on it stay, or it refuses';

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
