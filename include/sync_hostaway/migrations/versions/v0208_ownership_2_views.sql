-- Changing a view in place: the views of users on it are replaced and restored.

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
        -- objects that a change of a column's type includes, and the query of the view itself
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
        -- It keeps its oid, and so its grants, its comments and its dependent objects.
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
    'Replaces the views that read a relation, or some of its columns, by placeholders, without dropping one. attach_views must follow in the same transaction';

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
        -- revoke the default rights of the owner; the grants below restore those that the old view had
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
    perform ops.execute_with_lock_timeout(format('select ops.put_view(%L, %L, %L)', p_schema, p_name, p_query));
    perform ops.note_relation(p_schema, p_name, p_hash);
    return case when present is null then 'CREATE VIEW' else 'REPLACE VIEW' end;
end
$$;
comment on function ops.build_view(text, text, text, text) is
    'Creates a view, or changes it to the project''s present query. Grants, comments, owner, options and dependent objects stay; otherwise it refuses';
