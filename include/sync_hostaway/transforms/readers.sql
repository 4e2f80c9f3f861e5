-- name: unknown_roles
select name from unnest(%(roles)s::text[]) as wanted (name) where to_regrole(quote_ident(wanted.name)) is null

-- name: missing_grants
-- Each schema first, then what is in it.
select granting.statement
from pg_catalog.pg_roles as roles
cross join lateral (
    select distinct
        0 as place,
        format('grant usage on schema %%I to %%I', ours.schema_name, roles.rolname) as statement
    from ops.our_relations as ours
    where
        ours.schema_name in ('hostaway', 'marts')
        and not has_schema_privilege(roles.oid, ours.schema_name, 'usage')
    union all
    select
        1 as place,
        format('grant select on %%I.%%I to %%I', ours.schema_name, ours.relation_name, roles.rolname) as statement
    from ops.our_relations as ours
    where
        ours.schema_name in ('hostaway', 'marts')
        and not has_table_privilege(roles.oid, ours.relation_id, 'select')
) as granting
where roles.rolname = any(%(roles)s::text[])
order by granting.place, granting.statement
