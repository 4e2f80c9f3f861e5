-- name: set_up
-- Nearly all tables are unlogged. Changes of the others need not wait for the disk either.
select
    set_config('synchronous_commit', 'off', false),
    set_config('statement_timeout', '10s', false)

-- name: take
select grants, wait_seconds, locked_seconds
from ops.take_permits(
    %(waiter_id)s, %(ip_key)s, %(account_id)s, %(priority)s, %(wanted)s,
    %(ip_calls)s, %(ip_span)s, %(account_calls)s, %(account_span)s, %(margin)s,
    %(settled)s, %(settled_ages)s
)

-- name: block
select ops.block_requests(%(scope)s, %(ip_key)s, %(account_id)s, %(seconds)s, %(calls)s, %(window)s)

-- name: withdraw
delete from ops.rate_limit_waiters where waiter_id = %(waiter_id)s
