-- name: lock
select pg_advisory_lock(hashtextextended(%(key)s, %(account_id)s))

-- name: try_lock
select pg_try_advisory_lock(hashtextextended(%(key)s, %(account_id)s))

-- name: unlock
select pg_advisory_unlock(hashtextextended(%(key)s, %(account_id)s))

-- name: now
select clock_timestamp()
