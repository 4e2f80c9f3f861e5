-- name: entry
select
    outbox_id,
    account_id,
    idempotency_key,
    request_hash,
    reservation_id,
    conversation_id,
    channel_type,
    body,
    state,
    attempts,
    created_at,
    message_id,
    message_status,
    reason,
    settled_at,
    extract(epoch from clock_timestamp() - tried_at)::float as age
from ops.outbox
where account_id = %(account_id)s and idempotency_key = %(key)s

-- name: lock_limit
select pg_advisory_xact_lock(hashtextextended('hostaway send limit', %(account_id)s))

-- name: seconds_until_permitted
-- With a limit of n messages, the limit is reached while the n-th newest attempt is within the window.
select extract(epoch from tried_at + make_interval(secs => %(seconds)s) - clock_timestamp())::float as seconds
from ops.outbox
where account_id = %(account_id)s and tried_at > clock_timestamp() - make_interval(secs => %(seconds)s)
order by tried_at desc
offset %(calls)s - 1
limit 1

-- name: claim
-- A key with an entry is never sent again.
insert into ops.outbox (
    account_id, idempotency_key, request_hash, reservation_id, conversation_id, channel_type, body
)
values (
    %(account_id)s, %(key)s, %(request_hash)s, %(reservation_id)s, %(conversation_id)s, %(channel_type)s, %(body)s
)
on conflict (account_id, idempotency_key) do nothing

-- name: forget
delete from ops.outbox where outbox_id = %(outbox_id)s and state = 'sending'

-- name: claimed_messages
select message_id from ops.outbox where account_id = %(account_id)s and message_id = any(%(ids)s)

-- name: settle
-- The text is deleted: it was only needed to find the message in the conversation.
update ops.outbox
set
    state = %(state)s,
    message_id = %(message_id)s,
    message_status = %(message_status)s,
    reason = %(reason)s,
    body = '',
    settled_at = clock_timestamp()
where outbox_id = %(outbox_id)s

-- name: mark_unknown
-- Not if the entry was settled in between, because its guest was erased.
update ops.outbox
set state = 'unknown', reason = %(reason)s
where outbox_id = %(outbox_id)s and state in ('sending', 'unknown')

-- name: give_up
update ops.outbox
set state = 'unknown', reason = %(reason)s, body = ''
where outbox_id = %(outbox_id)s and state in ('sending', 'unknown')
