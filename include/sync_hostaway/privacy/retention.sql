-- name: remove
-- Removes one batch of the rows that meet one of the conditions below. Rows that another session has locked wait for the
-- next run. `only`: a table of a user that inherits from ours may have other rows with the same ctid.
with expired as materialized (
    select old.ctid from only {table} as old
    where {condition}
    limit %(batch)s
    for update of old skip locked
)

delete from only {table} as old using expired
where old.ctid = expired.ctid

-- name: webhook_events
old.state <> 'pending' and old.received_at < now() - make_interval(days => %(days)s)

-- name: sent_messages
-- Entries stay for at least 30 days, because a key without an entry would be sent again.
coalesce(old.settled_at, old.tried_at) < clock_timestamp() - make_interval(days => greatest(%(days)s, 30))

-- name: settled_quarantine
-- Open entries stay: their rows exist nowhere else.
old.resolved_at < now() - make_interval(days => %(days)s)

-- name: checkpoints
-- A read without an end; its checkpoints go with it. The next sync of the resource reads from the beginning.
old.continued_at < now() - make_interval(days => %(days)s)

-- name: syncs
-- The last complete run and the last run of each kind stay: they have the state of the account's mirror.
old.mode <> 'delta'
and old.finished_at < now() - make_interval(days => %(days)s)
and exists (
    select 1 from ops.sync_runs as later
    where
        later.account_id = old.account_id
        and later.resource = old.resource
        and later.mode = old.mode
        and later.mode <> 'delta'
        and later.started_at > old.started_at
        and (
            old.status not in ('complete', 'complete_after_retry')
            or (
                later.status in ('complete', 'complete_after_retry')
                and (later.since is null or old.since is not null)
            )
        )
)

-- name: account_days
old.day < (now() at time zone 'UTC')::date - %(days)s

-- name: account_changes
old.changed_at < now() - make_interval(days => %(days)s)

-- name: deltas
-- The sync log of analysts holds none of them.
old.mode = 'delta' and old.finished_at < now() - make_interval(days => %(days)s)

-- name: loads
old.transformed_at < now() - make_interval(days => %(days)s)

-- name: transforms
old.finished_at < now() - make_interval(days => %(days)s)
and old.transform_id < (select max(transform_id) from ops.transforms where state = 'succeeded')
-- which versions of the project have read everything
and old.transform_id not in (
    select max(transform_id) from ops.transforms where state = 'succeeded' and full_rebuild group by project_hash
)
and not exists (select 1 from ops.loads where loads.transform_id = old.transform_id)

-- name: ended_alerts
old.ended_at < now() - make_interval(days => %(days)s)

-- name: calendar_versions
old.superseded_at < now() - make_interval(days => %(days)s)

-- name: webhook_bodies
-- Of events that are still pending, for example of a disabled account: the body is not needed for processing.
with expired as materialized (
    select event_id from ops.webhook_events
    where state = 'pending' and body is not null and received_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

update ops.webhook_events
set body = null
from expired
where webhook_events.event_id = expired.event_id

-- name: deleted_rows
-- An empty hash marks what was stripped: see redact_row in landing/redaction.sql.
select account_id, entity_id, payload
from {table}
where
    deleted_at < now() - make_interval(days => %(days)s)
    and payload_hash <> ''
order by account_id
limit %(batch)s
for update skip locked
