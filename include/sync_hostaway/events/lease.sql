-- name: listen
listen hostaway_webhook_events

-- name: notify_worker
notify hostaway_webhook_events

-- name: acquire_lease
-- Any two numbers will do as long as nothing else in the warehouse takes the same advisory lock.
select pg_try_advisory_lock(7402, 3)

-- name: end_session_when_idle
-- A process that is stopped keeps its connection, and would be counted on for as long.
set idle_session_timeout = '90s'

-- name: release_lease
select pg_advisory_unlock(7402, 3);
reset idle_session_timeout

-- name: has_active_worker
-- Looked up, not tried: one who tries it holds it for a moment, and a drain would find it taken.
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
