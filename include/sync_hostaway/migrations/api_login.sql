-- name: is_missing
select not exists (select from pg_roles where rolname = %(login)s)

-- name: is_foreign
-- Whether a role of this name is not the one that `create` and `grant_rights` make.
select
    users.rolsuper or users.rolcreaterole or users.rolcreatedb or users.rolbypassrls or users.rolreplication
    or not users.rolcanlogin
    or not exists (
        select
        from pg_auth_members as members
        where members.member = users.oid and members.roleid = to_regrole('hostaway_api')
    ) as is_foreign
from pg_roles as users
where users.rolname = %(login)s

-- name: create
create role {login} login noinherit

-- name: is_migrated
select to_regrole('hostaway_api') is not null and to_regclass('ops.calendar_reads') is not null

-- name: grant_rights
grant hostaway_api to {login};
grant usage on schema ops, landing to {login};
grant select on ops.sync_runs, ops.loads, ops.deferred_rows, ops.calendar_reads to {login};
grant select (account_id, parent_id, load_id) on landing.calendar_days to {login}
