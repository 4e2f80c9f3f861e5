-- Holds a process at its n-th commit, or at its n-th DDL command, while another session holds the advisory lock 4711.
-- It is installed in the warehouse of a round; the product knows nothing of it.

-- name: install
create schema chaos;
create sequence chaos.points;
create table chaos.held (point bigint);

create function chaos.hold_here() returns void
language plpgsql security definer
as $$
begin
    if nextval('chaos.points') = (select point from chaos.held) then
        perform pg_advisory_lock(4711);
        perform pg_advisory_unlock(4711);
    end if;
end
$$;

create function chaos.hold_commit() returns trigger
language plpgsql security definer
as $$
begin
    -- Once per transaction
    if current_setting('chaos.counted', true) is distinct from pg_current_xact_id()::text then
        perform set_config('chaos.counted', pg_current_xact_id()::text, true);
        perform chaos.hold_here();
    end if;
    return null;
end
$$;

do $$
declare
    found record;
begin
    for found in
        select format('%I.%I', schemaname, tablename) as name
        from pg_tables
        where schemaname in ('ops', 'landing', 'hostaway')
    loop
        execute format(
            'create constraint trigger chaos_commit after insert or update or delete on %s'
            ' deferrable initially deferred for each row execute function chaos.hold_commit()', found.name);
    end loop;
end
$$

-- name: install_for_ddl
create schema chaos;
create sequence chaos.points;
create table chaos.held (point bigint);

create function chaos.hold_ddl() returns event_trigger
language plpgsql security definer
as $$
begin
    if nextval('chaos.points') = (select point from chaos.held) then
        perform pg_advisory_lock(4711);
        perform pg_advisory_unlock(4711);
    end if;
end
$$;

create event trigger chaos_ddl on ddl_command_end execute function chaos.hold_ddl()

-- name: hold
insert into chaos.held values (%(point)s)

-- name: lock
select pg_advisory_lock(4711)

-- name: who_waits
select pid
from pg_locks
where
    locktype = 'advisory'
    and objid = 4711
    and not granted
    and database = (select oid from pg_database where datname = current_database())

-- name: end_session
select pg_terminate_backend(%(pid)s, 10000)
