-- Default privileges (`alter default privileges`) give a new view grants that somebody may have revoked on the old one.
create or replace function ops.rebuild_view(p_view oid, p_name text, p_options text, p_query text) returns void
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
