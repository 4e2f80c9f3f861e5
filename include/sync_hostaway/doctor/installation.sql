-- name: database
select
    current_setting('server_version_num')::integer / 10000 as major,
    current_setting('server_version') as version,
    pg_backend_pid() as pid,
    clock_timestamp() as now,
    roles.rolsuper as is_superuser,
    roles.rolbypassrls as bypasses_rls,
    pg_database_size(current_database()) as bytes,
    age(databases.datfrozenxid) as transactions
from pg_roles as roles
cross join pg_database as databases
where roles.rolname = current_user and databases.datname = current_database()
