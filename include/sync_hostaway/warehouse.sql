-- name: notice_death
-- A machine that is cut off says no goodbye: without this, the server keeps its locks for two hours.
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 3

-- name: lock
select pg_advisory_lock(hashtextextended(%(key)s, %(account_id)s))

-- name: try_lock
select pg_try_advisory_lock(hashtextextended(%(key)s, %(account_id)s))

-- name: unlock
select pg_advisory_unlock(hashtextextended(%(key)s, %(account_id)s))
