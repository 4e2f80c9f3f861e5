-- name: inbox_lag
-- Only events without an attempt count: they show that no delta runs. An event that failed waits on purpose. The time is
-- that since an event is due, because a replayed event was received long ago.
select greatest(extract(epoch from clock_timestamp() - min(events.next_try_at)), 0)::float as seconds
from ops.webhook_events as events
inner join ops.accounts using (account_id)
where events.state = 'pending' and events.attempts = 0 and accounts.state = 'active'

-- name: accounts
-- complete_at is null until every resource was complete once.
select
    count(*) filter (where complete_at is not null) as complete,
    count(*) filter (where complete_at is null) as waiting
from ops.account_status
where state = 'active'

-- name: resources
-- A resource that Hostaway does not give to an account is no failure: the others are mirrored.
select account_id, resource, status, reason
from ops.resource_status
where status in ('failing', 'not_available')
order by account_id, resource
