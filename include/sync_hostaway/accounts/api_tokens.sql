-- name: put_token
insert into ops.api_tokens (token_id, account_id, name, digest, scopes, expires_at)
values (%(token_id)s, %(account_id)s, %(name)s, %(digest)s, %(scopes)s, %(expires_at)s)
returning token_id, account_id, name, scopes, created_at, expires_at, last_used_at, revoked_at

-- name: list_tokens
select token_id, account_id, name, scopes, created_at, expires_at, last_used_at, revoked_at
from ops.api_tokens
where account_id = %(account_id)s
order by created_at, token_id

-- name: revoke_token
-- The first revocation counts.
update ops.api_tokens
set revoked_at = coalesce(revoked_at, now())
where account_id = %(account_id)s and token_id = %(token_id)s

-- name: find_token
select
    api_tokens.token_id,
    api_tokens.account_id,
    api_tokens.name,
    api_tokens.scopes,
    api_tokens.created_at,
    api_tokens.expires_at,
    api_tokens.last_used_at,
    api_tokens.revoked_at,
    api_tokens.digest,
    api_tokens.revoked_at is null
    and coalesce(api_tokens.expires_at > clock_timestamp(), true)
    and accounts.state <> 'disabled' as is_good,
    coalesce(api_tokens.last_used_at < clock_timestamp() - interval '1 minute', true) as is_use_due
from ops.api_tokens
inner join ops.accounts using (account_id)
where api_tokens.token_id = %(token_id)s

-- name: update_last_used
-- Two requests at the same moment: the second neither waits nor writes again.
update ops.api_tokens
set last_used_at = clock_timestamp()
where token_id = (
    select token_id
    from ops.api_tokens
    where
        token_id = %(token_id)s
        and coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)
    for update skip locked
)
