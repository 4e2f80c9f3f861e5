-- name: due_accounts
-- Accounts whose poll is due, or becomes due soon; those that waited longest come first. An account is polled after its
-- first complete sync, because this sync reads everything.
select accounts.account_id
from ops.accounts as accounts
inner join ops.lists_read as lists on accounts.account_id = lists.account_id and lists.resource = 'reservations'
left join ops.webhook_endpoints as endpoints on accounts.account_id = endpoints.account_id
left join ops.polls as polls on accounts.account_id = polls.account_id
where
    accounts.state = 'active'
    and (%(account_ids)s::bigint[] is null or accounts.account_id = any(%(account_ids)s::bigint[]))
    and case coalesce(accounts.options ->> 'polling', %(polling)s)
        when 'off' then false
        when 'auto' then endpoints.state is distinct from 'registered' or endpoints.state_reason is not null
        else true
    end
    and (polls.polled_at is null or polls.polled_at <= clock_timestamp() - %(interval)s::interval + %(within)s::interval)
order by polls.polled_at nulls first, accounts.account_id

-- name: not_landed
-- Those of these versions of reservations that have not landed. A version that was read within the second of its stamp
-- may have changed again within this second.
select moved.reservation_id
from unnest(%(reservation_ids)s::bigint[], %(updated_on)s::timestamptz[]) as moved (reservation_id, updated_on)
left join landing.reservations as landed
    on
        landed.account_id = %(account_id)s
        and landed.entity_id = moved.reservation_id::text
        and landed.deleted_at is null
        and landed.source_updated_at = moved.updated_on
        and landed.observed_at > moved.updated_on + %(skew)s::interval
where landed.entity_id is null

-- name: put_events
insert into ops.webhook_events (
    account_id, content_hash, event, object, object_id, reservation_id, source
)
select
    %(account_id)s,
    moved.content_hash,
    %(event)s,
    %(object)s,
    case when %(object)s = 'reservation' then moved.reservation_id end,
    moved.reservation_id,
    'poll'
from unnest(%(reservation_ids)s::bigint[], %(content_hashes)s::bytea[]) as moved (reservation_id, content_hash)
on conflict (account_id, content_hash) do nothing

-- name: was_polled
update ops.polls set polled_at = clock_timestamp(), error = null where account_id = %(account_id)s

-- name: lists_were_read
update ops.polls
set listed_at = clock_timestamp(), polled_at = clock_timestamp(), error = %(error)s
where account_id = %(account_id)s

-- name: poll_failed
insert into ops.polls (account_id, polled_at, error)
values (%(account_id)s, clock_timestamp(), %(error)s)
on conflict (account_id) do update set polled_at = excluded.polled_at, error = excluded.error
