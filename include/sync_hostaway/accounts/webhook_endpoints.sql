-- name: add_endpoint
insert into ops.webhook_endpoints (account_id, endpoint_key, login, password_digest)
values (%(account_id)s, %(endpoint_key)s, %(login)s, %(password_digest)s)
on conflict (account_id) do nothing
returning account_id

-- name: get_endpoint
select
    account_id,
    endpoint_key,
    login,
    password_digest,
    url,
    hostaway_id,
    state,
    state_reason,
    password_sent_at is not null as password_is_sent,
    log_read_to,
    checked_at
from ops.webhook_endpoints
where account_id = %(account_id)s

-- name: replace_password
-- The old password is the last one that was sent to Hostaway: a password that was never sent does not replace it.
update ops.webhook_endpoints
set
    old_password_digest = case
        when %(end_old)s then null
        when password_sent_at is null then coalesce(old_password_digest, password_digest)
        else password_digest
    end,
    password_digest = %(password_digest)s,
    password_sent_at = null,
    updated_at = now()
where account_id = %(account_id)s

-- name: forget_old_passwords
update ops.webhook_endpoints
set old_password_digest = null, updated_at = now()
where old_password_digest is not null and password_sent_at < now() - interval '2 hours'

-- name: set_registered
-- Only if the password was not rotated during the registration.
update ops.webhook_endpoints
set
    state = 'registered',
    state_reason = null,
    url = %(url)s,
    hostaway_id = %(hostaway_id)s,
    password_sent_at = case
        when password_digest = %(password_digest)s then coalesce(password_sent_at, now())
        else password_sent_at
    end,
    checked_at = now(),
    updated_at = now()
where account_id = %(account_id)s

-- name: set_state
update ops.webhook_endpoints
set state = %(state)s, state_reason = %(reason)s, checked_at = now(), updated_at = now()
where account_id = %(account_id)s

-- name: save_check_error
-- With a requested sync, the webhook may be switched off: the sync waits until the webhook is known to be on again.
update ops.webhook_endpoints
set
    state = case when state = 'registered' and catch_up_requested_at is null then state else 'failed' end,
    state_reason = %(reason)s,
    checked_at = now(),
    updated_at = now()
where account_id = %(account_id)s

-- name: set_unregistered
update ops.webhook_endpoints
set
    state = 'unregistered',
    state_reason = null,
    hostaway_id = null,
    log_read_to = 0,
    checked_at = now(),
    updated_at = now()
where account_id = %(account_id)s

-- name: request_catch_up_sync
-- The time of the newest loss: a sync that was requested earlier does not cover it.
update ops.webhook_endpoints
set catch_up_requested_at = clock_timestamp()
where account_id = %(account_id)s
