-- name: unsettled
-- Entries are due in every run during the first hour, and once more at the end, before the text is deleted.
select outbox.account_id, array_agg(outbox.idempotency_key order by outbox.tried_at) as keys
from ops.outbox
inner join ops.accounts on outbox.account_id = accounts.account_id
where
    outbox.settled_at is null
    and outbox.body <> ''
    and outbox.tried_at < clock_timestamp() - make_interval(secs => %(settling)s)
    and (
        outbox.tried_at > clock_timestamp() - interval '1 hour'
        or outbox.tried_at < clock_timestamp() - make_interval(secs => %(looked_for)s)
    )
    and accounts.state = 'active'
group by outbox.account_id
order by outbox.account_id
