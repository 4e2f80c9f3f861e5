-- name: revision
select version_num from ops.alembic_version

-- name: inbox_lag
-- An event that was tried and failed waits on purpose; one that nobody has tried says that no delta runs.
select coalesce(extract(epoch from clock_timestamp() - min(events.received_at)), 0)::float as seconds
from ops.webhook_events as events
inner join ops.accounts using (account_id)
where events.state = 'pending' and events.attempts = 0 and accounts.state = 'active'
