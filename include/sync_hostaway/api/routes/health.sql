-- name: inbox_lag
-- Only events without an attempt count: they show that no delta runs. An event that failed waits on purpose.
select coalesce(extract(epoch from clock_timestamp() - min(events.received_at)), 0)::float as seconds
from ops.webhook_events as events
inner join ops.accounts using (account_id)
where events.state = 'pending' and events.attempts = 0 and accounts.state = 'active'

-- name: syncs
-- The results of the syncs that ended since a moment; each account has its own. A resource is failing when the try
-- before that moment failed too, so that a new resource has time for its first complete sync.
select
    runs.account_id,
    runs.resource,
    bool_or(runs.status in ('complete', 'complete_after_retry')) as is_complete,
    not bool_or(runs.status in ('complete', 'complete_after_retry'))
    and (
        select earlier.status in ('incomplete', 'failed')
        from ops.sync_runs as earlier
        where
            earlier.account_id = runs.account_id
            and earlier.resource = runs.resource
            and earlier.mode <> 'delta'
            and earlier.finished_at < wanted.since
        order by earlier.started_at desc
        limit 1
    ) as is_failing
from ops.sync_runs as runs
inner join unnest(%(account_ids)s::bigint[], %(since)s::timestamptz[]) as wanted (account_id, since)
    on runs.account_id = wanted.account_id
where runs.mode <> 'delta' and runs.finished_at >= wanted.since
group by runs.account_id, runs.resource, wanted.since

-- name: refused
-- The newest sync of a resource decides its state.
select states.account_id, states.last_error as error
from ops.resource_states as states
inner join ops.accounts as accounts on states.account_id = accounts.account_id
where states.status = 'refused' and accounts.state = 'active'
order by states.account_id, states.resource
