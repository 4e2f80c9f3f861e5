-- Each query removes one batch of at most %(batch)s entries that are older than %(days)s days. Rows that another session
-- has locked wait for the next run.

-- name: webhook_events
with expired as materialized (
    select event_id from ops.webhook_events
    where state <> 'pending' and received_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.webhook_events using expired
where webhook_events.event_id = expired.event_id

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

-- name: sent_messages
-- Entries stay for at least 30 days, because a key without an entry would be sent again.
with expired as materialized (
    select outbox_id from ops.outbox
    where coalesce(settled_at, tried_at) < clock_timestamp() - make_interval(days => greatest(%(days)s, 30))
    limit %(batch)s
    for update skip locked
)

delete from ops.outbox using expired
where outbox.outbox_id = expired.outbox_id

-- name: settled_quarantine
-- Open entries stay: their rows exist nowhere else.
with expired as materialized (
    select quarantine_id from ops.quarantine
    where resolved_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.quarantine using expired
where quarantine.quarantine_id = expired.quarantine_id

-- name: checkpoints
-- A read without an end; its checkpoints go with it. The next sync of the resource reads from the beginning.
with expired as materialized (
    select account_id, resource from ops.sync_reads
    where continued_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.sync_reads using expired
where sync_reads.account_id = expired.account_id and sync_reads.resource = expired.resource

-- name: syncs
-- The last complete run and the last run of each kind stay: they have the state of the account's mirror.
with expired as materialized (
    select old.sync_run_id
    from ops.sync_runs as old
    where
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
    limit %(batch)s
    for update of old skip locked
)

delete from ops.sync_runs using expired
where sync_runs.sync_run_id = expired.sync_run_id

-- name: account_days
with expired as materialized (
    select account_id, day from ops.account_days
    where day < (now() at time zone 'UTC')::date - %(days)s
    limit %(batch)s
    for update skip locked
)

delete from ops.account_days using expired
where account_days.account_id = expired.account_id and account_days.day = expired.day

-- name: account_changes
with expired as materialized (
    select change_id from ops.account_changes
    where changed_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.account_changes using expired
where account_changes.change_id = expired.change_id

-- name: deltas
-- The sync log of analysts holds none of them.
with expired as materialized (
    select sync_run_id from ops.sync_runs
    where mode = 'delta' and finished_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.sync_runs using expired
where sync_runs.sync_run_id = expired.sync_run_id

-- name: loads
with expired as materialized (
    select load_id from ops.loads
    where transformed_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.loads using expired
where loads.load_id = expired.load_id

-- name: transforms
with expired as materialized (
    select transform_id from ops.transforms
    where
        finished_at < now() - make_interval(days => %(days)s)
        and transform_id < (select max(transform_id) from ops.transforms where state = 'succeeded')
        -- which versions of the project have read everything
        and transform_id not in (
            select max(transform_id) from ops.transforms where state = 'succeeded' and full_rebuild group by project_hash
        )
        and not exists (select 1 from ops.loads where loads.transform_id = transforms.transform_id)
    limit %(batch)s
    for update skip locked
)

delete from ops.transforms using expired
where transforms.transform_id = expired.transform_id

-- name: ended_alerts
with expired as materialized (
    select alert_id from ops.alerts
    where ended_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from ops.alerts using expired
where alerts.alert_id = expired.alert_id

-- name: calendar_versions
with expired as materialized (
    select account_id, listing_id, date, superseded_at from landing.calendar_versions
    where superseded_at < now() - make_interval(days => %(days)s)
    limit %(batch)s
    for update skip locked
)

delete from landing.calendar_versions using expired
where calendar_versions.account_id = expired.account_id and calendar_versions.listing_id = expired.listing_id and calendar_versions.date = expired.date and calendar_versions.superseded_at = expired.superseded_at

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
