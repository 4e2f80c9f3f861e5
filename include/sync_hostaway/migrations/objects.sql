-- name: foreign_objects
-- A function may have the name of a table, and nothing else may have the name of another: a table has a type of its name.
select
    present.kind,
    format('%%I.%%I', wanted.schema_name, wanted.name) as name
from (
    select distinct schema_name, name, kind = 'function' as is_function
    from unnest(%(schemas)s::text[], %(names)s::text[], %(kinds)s::text[]) as created (schema_name, name, kind)
) as wanted
inner join pg_catalog.pg_namespace as namespaces on wanted.schema_name = namespaces.nspname
cross join lateral (
    select
        case relkind
            when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
            when 'f' then 'foreign table' when 'S' then 'sequence' when 'c' then 'composite type' else 'index'
        end as kind
    from pg_catalog.pg_class
    where relnamespace = namespaces.oid and relname = wanted.name and not wanted.is_function
    union all
    select 'type' from pg_catalog.pg_type
    where
        typnamespace = namespaces.oid and typname = wanted.name and typrelid = 0 and not wanted.is_function
    union all
    select case prokind when 'p' then 'procedure' else 'function' end from pg_catalog.pg_proc
    where pronamespace = namespaces.oid and proname = wanted.name and wanted.is_function
) as present
order by name, kind

-- name: foreign_version_table
-- Before the first migration the table of versions is of another project.
select 'table' as kind, 'ops.alembic_version' as name
where to_regclass('ops.alembic_version') is not null

-- name: foreign_role
-- The role of the HTTP API cannot log in, and has no rights of its own and no memberships.
-- A role with any of these is not ours.
select 'role' as kind, quote_ident(roles.rolname) as name
from pg_catalog.pg_roles as roles
where
    roles.rolname in ('hostaway_api', 'hostaway_api_users')
    and (
        roles.rolcanlogin
        or roles.rolsuper
        or roles.rolbypassrls
        or roles.rolcreaterole
        or roles.rolcreatedb
        or roles.rolreplication
        or exists (
            select 1 from pg_catalog.pg_shdepend
            where refclassid = 'pg_catalog.pg_authid'::regclass and refobjid = roles.oid and deptype = 'o'
        )
        or exists (
            select 1
            from pg_catalog.pg_auth_members as members
            inner join pg_catalog.pg_roles as groups on members.roleid = groups.oid
            where
                members.member = roles.oid
                and not (roles.rolname = 'hostaway_api_users' and groups.rolname = 'hostaway_api')
        )
    )
