-- name: unsettled
select outbox.account_id, array_agg(outbox.idempotency_key order by outbox.tried_at) as keys
from ops.outbox
inner join ops.accounts on outbox.account_id = accounts.account_id
where
    outbox.settled_at is null
    and outbox.tried_at < clock_timestamp() - make_interval(secs => %(settling)s)
    and accounts.state = 'active'
group by outbox.account_id
order by outbox.account_id

-- name: forget_old
-- Also what could never be looked up, as of an account that is disabled.
delete from ops.outbox
where coalesce(settled_at, tried_at) < clock_timestamp() - make_interval(days => %(days)s)
