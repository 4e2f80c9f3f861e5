-- name: listen
listen hostaway_webhook_events

-- name: notify_worker
notify hostaway_webhook_events

-- name: acquire_lease
-- Two arbitrary numbers: no other code in the database may take the same advisory lock.
select pg_try_advisory_lock(7402, 3)

-- name: end_session_when_idle
-- A stopped process keeps its connection and would hold the lease.
set idle_session_timeout = '90s'

-- name: release_lease
select pg_advisory_unlock(7402, 3);
reset idle_session_timeout

-- name: has_active_worker
-- Reads pg_locks: pg_try_advisory_lock would take the lock for a moment, and a worker would find it taken.
select exists (
    select 1
    from pg_catalog.pg_locks
    where
        locktype = 'advisory'
        and database = (select oid from pg_catalog.pg_database where datname = current_database())
        and classid = 7402
        and objid = 3
        and objsubid = 2
        and granted
)
