-- name: heartbeat
-- Hostaway repeats a delivery for an hour. Deliveries during a longer outage are lost.
update ops.webhook_endpoints
set
    catch_up_requested_at = case
        when hostaway_id is not null and last_heartbeat_at < now() - interval '1 hour' then now()
        else catch_up_requested_at
    end,
    last_heartbeat_at = now()

-- name: accounts_to_reconcile
select accounts.account_id, accounts.state
from ops.accounts as accounts
left join ops.webhook_endpoints as endpoints on accounts.account_id = endpoints.account_id
where
    (
        accounts.state = 'active'
        and (
            endpoints.account_id is null
            or (endpoints.hostaway_id is not null and not %(delivers)s)
            or endpoints.state in ('unregistered', 'failed')
            or (endpoints.state = 'registered' and endpoints.state_reason is not null)
            or endpoints.password_sent_at is null
            or endpoints.catch_up_requested_at is not null
            or endpoints.checked_at is null
            or endpoints.checked_at < now() - interval '1 hour'
        )
    )
    or (accounts.state = 'disabled' and endpoints.hostaway_id is not null)
order by accounts.account_id

-- name: put_missed_event
-- The log names the object of a failed delivery, without the body: the id is sufficient.
insert into ops.webhook_events (account_id, content_hash, event, object, object_id, reservation_id, source, reason)
values (
    %(account_id)s, %(content_hash)s, %(event)s, %(object)s, %(object_id)s, %(object_id)s,
    'delivery log',
    'from Hostaway''s delivery log: it was never delivered'
)
on conflict (account_id, content_hash) do nothing

-- name: save_log_position
update ops.webhook_endpoints
set log_read_to = greatest(log_read_to, %(log_read_to)s)
where account_id = %(account_id)s

-- name: requested_catch_up_syncs
select endpoints.account_id, endpoints.catch_up_requested_at as requested_at
from ops.webhook_endpoints as endpoints
inner join ops.accounts as accounts on endpoints.account_id = accounts.account_id
where endpoints.catch_up_requested_at is not null and endpoints.state = 'registered' and accounts.state = 'active'
order by endpoints.account_id

-- name: clear_catch_up_request
update ops.webhook_endpoints
set catch_up_requested_at = null
where account_id = %(account_id)s and catch_up_requested_at = %(requested_at)s
