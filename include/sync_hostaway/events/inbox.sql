-- name: endpoint_of_key
select account_id, login, password_digest, old_password_digest
from ops.webhook_endpoints
where endpoint_key = %(endpoint_key)s

-- name: put_event
-- Hostaway repeats a delivery for an hour: within it, an equal body only increments the counter. There are exceptions,
-- in which the event is processed again: another event of the same object came in between (the object may have changed
-- back), Hostaway did not have the object at the time, or this version can parse a body that an earlier one could not.
-- After that hour an equal body is a new event. An event that is processed again was received now: otherwise it would
-- seem to wait since its first delivery.
insert into ops.webhook_events as known (
    account_id, content_hash, state, event, object, object_id, conversation_id, reservation_id, body, reason,
    finished_at
)
values (
    %(account_id)s, %(content_hash)s, %(state)s, %(event)s, %(object)s, %(object_id)s, %(conversation_id)s,
    %(reservation_id)s, %(body)s, %(reason)s,
    case when %(state)s <> 'pending' then clock_timestamp() end
)
on conflict (account_id, content_hash) do update set
    times_received = known.times_received + 1,
    last_received_at = clock_timestamp(),
    event = excluded.event,
    object = excluded.object,
    object_id = excluded.object_id,
    conversation_id = excluded.conversation_id,
    reservation_id = excluded.reservation_id,
    (state, received_at, reason, attempts, not_found_count, next_try_at, finished_at) = (
        select
            case when again.wanted then 'pending' else known.state end,
            case when again.wanted then clock_timestamp() else known.received_at end,
            case when not again.wanted then known.reason end,
            case when again.wanted then 0 else known.attempts end,
            case when again.wanted then 0 else known.not_found_count end,
            case when again.wanted then clock_timestamp() else known.next_try_at end,
            case when not again.wanted then known.finished_at end
        from (
            select
                excluded.state = 'pending'
                and known.state <> 'pending'
                and (
                    known.state in ('object_deleted', 'ignored', 'unreadable')
                    or known.received_at < clock_timestamp() - interval '1 hour'
                    or (known.state = 'done' and exists (
                        select from ops.webhook_events as other
                        where
                            other.account_id = known.account_id
                            and other.object = known.object
                            and other.object_id = known.object_id
                            and other.last_received_at > known.last_received_at
                    ))
                ) as wanted
        ) as again
    )

-- name: has_due
select exists (
    select
    from ops.accounts as accounts
    cross join lateral (
        select
        from ops.webhook_events as events
        where
            events.account_id = accounts.account_id
            and events.state = 'pending'
            and events.next_try_at <= clock_timestamp()
        limit 1
    ) as due
    where accounts.state = 'active'
)
