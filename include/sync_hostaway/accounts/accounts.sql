-- name: get_secret
select ciphertext from ops.secrets where account_id = %(account_id)s and name = %(name)s

-- name: put_secret
insert into ops.secrets (account_id, name, ciphertext)
values (%(account_id)s, %(name)s, %(ciphertext)s)
on conflict (account_id, name) do update set
    ciphertext = excluded.ciphertext,
    updated_at = now()

-- name: delete_secret
delete from ops.secrets where account_id = %(account_id)s and name = %(name)s

-- name: list_secrets
select account_id, name from ops.secrets order by account_id, name

-- name: lock_secret
select ciphertext from ops.secrets where account_id = %(account_id)s and name = %(name)s for update

-- name: reencrypt_secret
-- The secret does not change, so the time of its change does not change either.
update ops.secrets set ciphertext = %(ciphertext)s where account_id = %(account_id)s and name = %(name)s

-- name: put_account
-- Adding an account again replaces its secret and makes it active. A purged account starts from the beginning.
with revived as (
    delete from ops.purged_accounts where account_id = %(account_id)s
)

insert into ops.accounts (account_id, name)
values (%(account_id)s, %(name)s)
on conflict (account_id) do update set
    name = coalesce(excluded.name, accounts.name),
    state = 'active',
    state_reason = null,
    updated_at = now()
returning (xmax = 0) as is_new

-- name: rename
update ops.accounts set name = %(name)s, updated_at = now() where account_id = %(account_id)s returning account_id

-- name: lock_account
select options from ops.accounts where account_id = %(account_id)s for update

-- name: set_options
update ops.accounts set options = %(options)s, updated_at = now() where account_id = %(account_id)s

-- name: reactivate_rejected
update ops.accounts
set state = 'active', state_reason = null, updated_at = now()
where account_id = %(account_id)s and state = 'credentials_rejected'

-- name: set_state
update ops.accounts
set state = %(state)s, state_reason = %(reason)s, updated_at = now()
where account_id = %(account_id)s
returning account_id

-- name: get_account
select account_id, name, state, state_reason, options, created_at, resumed_at
from ops.accounts
where account_id = %(account_id)s

-- name: list_accounts
select account_id, name, state, state_reason, options, created_at, resumed_at
from ops.accounts
order by account_id

-- name: accounts_without_sync
-- Without a sync since they were registered, or since they became active again.
select accounts.account_id, accounts.created_at, accounts.resumed_at
from ops.accounts as accounts
where
    accounts.state = 'active'
    and coalesce(accounts.resumed_at, accounts.created_at) < now() - make_interval(secs => %(timeout_seconds)s)
    and not exists (
        select 1
        from ops.resource_states as states
        where
            states.account_id = accounts.account_id
            and states.started_at >= coalesce(accounts.resumed_at, '-infinity')
    )
order by accounts.account_id

-- name: note_who_changes
-- Read by the triggers that write ops.account_changes, and only in this transaction.
select set_config('hostaway.changed_by', %(changed_by)s, true)

-- name: put_settings
-- Equal rows are not written.
insert into ops.account_settings as known (account_id, resources, stale_after, sync_every_hours, calls_per_second)
select
    settings.account_id,
    string_to_array(settings.resources, ','),
    settings.stale_after,
    settings.sync_every_hours,
    settings.calls_per_second
from unnest(
    %(account_ids)s::bigint [],
    %(resources)s::text [],
    %(stale_after)s::interval [],
    %(sync_every_hours)s::integer [],
    %(calls_per_second)s::numeric []
) as settings (account_id, resources, stale_after, sync_every_hours, calls_per_second)
inner join ops.accounts as accounts on settings.account_id = accounts.account_id
on conflict (account_id) do update set
    resources = excluded.resources,
    stale_after = excluded.stale_after,
    sync_every_hours = excluded.sync_every_hours,
    calls_per_second = excluded.calls_per_second,
    updated_at = clock_timestamp()
where
    (known.resources, known.stale_after, known.sync_every_hours, known.calls_per_second)
    is distinct from (excluded.resources, excluded.stale_after, excluded.sync_every_hours, excluded.calls_per_second)
