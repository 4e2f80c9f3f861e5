-- name: hours
-- Seconds from the webhook to the row that readers see; an event without a load changed no row.
select
    date_trunc('hour', events.received_at, 'UTC') as hour,
    count(*) as events,
    percentile_cont(array[0.5, 0.95]) within group (
        order by extract(epoch from greatest(events.finished_at, loads.transformed_at) - events.received_at)
    ) as seconds
from ops.webhook_events as events
left join ops.loads as loads on events.load_id = loads.load_id
where
    events.received_at > now() - interval '24 hours'
    and events.state = 'done'
    and (events.load_id is null or loads.transformed_at is not null)
group by 1
order by 1

-- name: inbox
select
    count(*) as pending,
    count(*) filter (where attempts = 0) as untried,
    -- an event without an attempt waits since it was received or replayed
    greatest(
        extract(epoch from now() - min(case when attempts = 0 then next_try_at else received_at end)), 0
    )::double precision as oldest_seconds,
    (select count(*) from ops.webhook_events where state = 'dead') as dead
from ops.webhook_events
where state = 'pending'

-- name: addresses
-- One row per outgoing address, with the accounts that hold its permits now.
select
    scopes.key as address,
    scopes.blocked_until,
    permits.account_id,
    permits.priority,
    count(permits.permit_number) as permits
from ops.rate_limit_scopes as scopes
left join ops.rate_limit_permits as permits
    on scopes.scope = permits.scope and scopes.key = permits.key and permits.free_at > clock_timestamp()
where scopes.scope = 'ip'
group by scopes.key, scopes.blocked_until, permits.account_id, permits.priority
order by scopes.key, permits desc

-- name: waiters
select ip_key as address, priority, sum(wanted)::integer as calls, count(distinct account_id)::integer as accounts
from ops.rate_limit_waiters
where due_at > clock_timestamp() - interval '10 seconds'
group by ip_key, priority
order by ip_key, priority

-- name: takers
select days.account_id, accounts.name, days.api_calls
from ops.account_days as days
inner join ops.accounts as accounts on days.account_id = accounts.account_id
where days.day = (now() at time zone 'UTC')::date
order by days.api_calls desc
limit 200

-- name: plan
select coalesce(sum(api_calls), 0)::bigint as calls_today
from ops.account_days
where day = (now() at time zone 'UTC')::date
