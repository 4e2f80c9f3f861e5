-- name: measured
-- The calls of the last syncs of each active account, per resource, full and incremental. Of incremental syncs, the
-- most expensive one of a week counts: the first one of a day reads lists that the others do not read.
select
    accounts.account_id,
    runs.resource,
    max(runs.rows_seen) filter (where runs.mode = 'full') as row_count,
    max(runs.api_calls) filter (where runs.mode = 'full') as full_calls,
    max(runs.api_calls) filter (
        where runs.mode = 'incremental' and runs.started_at > clock_timestamp() - interval '7 days'
    ) as incremental_calls
from ops.accounts as accounts
inner join ops.sync_runs as runs on accounts.account_id = runs.account_id
where
    accounts.state = 'active'
    and runs.mode <> 'delta'
    and runs.since is null
    and runs.finished_at is not null
    and runs.api_calls > 0
    and runs.finished_at > clock_timestamp() - interval '30 days'
group by accounts.account_id, runs.resource

-- name: events_of_a_day
-- Calls that events have cost on average, over a week.
select
    runs.account_id,
    sum(runs.api_calls)::float / 7 as calls
from ops.sync_runs as runs
where runs.mode = 'delta' and runs.finished_at > clock_timestamp() - interval '7 days'
group by runs.account_id

-- name: is_polled
-- As `due_accounts`, independent of the last poll.
select accounts.account_id
from ops.accounts as accounts
left join ops.webhook_endpoints as endpoints on accounts.account_id = endpoints.account_id
where
    accounts.state = 'active'
    and case coalesce(accounts.options ->> 'polling', %(polling)s)
        when 'off' then false
        when 'auto' then endpoints.state is distinct from 'registered' or endpoints.state_reason is not null
        else true
    end

-- name: first_syncs
select * from ops.first_syncs order by account_id
