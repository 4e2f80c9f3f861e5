-- The status of each account: the same rows as before.

-- The same ranks. The most frequent status comes first, because it is compared for each resource of each account.
create or replace function ops.status_rank(status text) returns integer
language sql
immutable
parallel safe
return case status
    when 'healthy' then 5
    when 'action_required' then 1
    when 'failing' then 2
    when 'warning' then 3
    when 'syncing' then 4
    when 'not_available' then 6
    else 7
end;

create or replace view ops.account_status as
with pending as (
    select
        account_id,
        count(*) as events,
        -- an event without an attempt waits since it was received or replayed
        min(case when attempts = 0 then next_try_at else received_at end) as oldest_at,
        min(next_try_at) filter (where attempts = 0) as oldest_untried_at
    from ops.webhook_events
    where state = 'pending'
    group by account_id
),

dead as (
    select
        account_id,
        count(*) as events,
        count(distinct reason) as reasons,
        -- the most frequent one
        mode() within group (order by reason) as reason
    from ops.webhook_events
    where state = 'dead'
    group by account_id
),

quarantined as (
    select account_id, count(*) filter (where severity = 'rejected') as rejected, count(*) as entries
    from ops.quarantine
    where resolved_at is null
    group by account_id
),

deferred as (
    select account_id, count(*) as entries from ops.deferred_rows group by account_id
),

today as (
    select account_id, api_calls from ops.account_days where day = (now() at time zone 'UTC')::date
),

running as (
    select account_id, count(*) as syncs, sum(api_calls) as api_calls
    from ops.sync_runs
    where status = 'running' and mode <> 'delta'
    group by account_id
)

select
    account_id,
    name,
    status,
    case status
        when 'paused' then coalesce(state_reason, 'Paused by an operator')
        when 'action_required' then 'Hostaway does not accept the API key'
        else nullif(
            concat_ws(
                '; ',
                troubles,
                case when webhook_state = 'failed' then concat('webhook: ', webhook_reason) end,
                case
                    when dead_events > 0
                        then concat(
                            dead_events, case dead_events when 1 then ' dead webhook event: ' else ' dead webhook events: ' end,
                            left(dead_reason, 200), case when dead_reasons > 1 then ', and other reasons' end
                        )
                end,
                'polled by lists, once an hour: ' || polled_by_lists,
                case
                    when oldest_untried_at < now() - interval '15 minutes'
                        then concat(
                            'no webhook event was processed for ',
                            ops.duration_text(extract(epoch from now() - oldest_untried_at))
                        )
                end
            ),
            ''
        )
    end as reason,
    case
        when status = 'paused' then 'Resume the account'
        when status = 'action_required' then 'Store a new API key'
        when status = 'failing' then 'Read the error in the sync log, then sync again'
        when status = 'warning' and troubles is not null then 'Wait for the next try'
        when status = 'warning' and webhook_state = 'failed' then 'Register the webhook again'
        when status = 'warning' and dead_events > 0 then 'Retry the dead events'
        when status = 'warning' and polled_by_lists is not null then 'Run `sync-hostaway doctor`'
        when status = 'warning' then 'Check that the Dag hostaway_delta runs'
    end as remedy,
    state,
    state_reason,
    options,
    created_at,
    complete_at,
    extract(epoch from now() - complete_at)::double precision as age_seconds,
    last_synced_at,
    coalesce(rows_mirrored, 0)::bigint as rows_mirrored,
    coalesce(calls_today, calls_running, 0)::bigint as calls_today,
    calls_per_second,
    coalesce(webhook_state, 'unregistered') as webhook_state,
    webhook_reason,
    coalesce(pending_events, 0) as pending_events,
    greatest(extract(epoch from now() - oldest_at), 0)::double precision as oldest_pending_seconds,
    coalesce(dead_events, 0) as dead_events,
    coalesce(rejected, 0) as rejected_rows,
    coalesce(quarantined, 0) as quarantined_rows,
    coalesce(deferred, 0) as deferred_rows,
    coalesce(syncs, 0) as running_syncs,
    stale_after,
    sync_every_hours
from (
    select
        accounts.account_id,
        accounts.name,
        accounts.state,
        accounts.state_reason,
        accounts.created_at,
        accounts.options,
        case
            when accounts.state = 'disabled' then 'paused'
            when accounts.state <> 'active' then 'action_required'
            when resources.worst = 2 then 'failing'
            when
                resources.worst = 3
                or endpoints.state = 'failed'
                or dead.events > 0
                or polls.account_id is not null
                or pending.oldest_untried_at < now() - interval '15 minutes'
                then 'warning'
            when resources.worst = 4 or running.syncs > 0 then 'syncing'
            else 'healthy'
        end as status,
        resources.troubles,
        nullif(resources.complete_at, '-infinity') as complete_at,
        resources.last_synced_at,
        resources.rows_mirrored,
        endpoints.state as webhook_state,
        endpoints.state_reason as webhook_reason,
        polls.reason as polled_by_lists,
        pending.events as pending_events,
        pending.oldest_at,
        pending.oldest_untried_at,
        dead.events as dead_events,
        dead.reasons as dead_reasons,
        dead.reason as dead_reason,
        quarantined.rejected,
        quarantined.entries as quarantined,
        deferred.entries as deferred,
        today.api_calls + coalesce(running.api_calls, 0) as calls_today,
        running.api_calls as calls_running,
        running.syncs,
        settings.stale_after,
        settings.sync_every_hours,
        settings.calls_per_second
    from ops.accounts as accounts
    inner join ops.account_settings as settings on accounts.account_id = settings.account_id
    -- A subquery, because PostgreSQL computes a common table expression with a volatile function as a whole: all columns
    -- of all accounts, also for a query of one account.
    left join (
        select
            status.account_id,
            min(ops.status_rank(status.status)) as worst,
            -- no order: it would sort every resource of every account
            string_agg(concat(status.resource, ': ', status.reason), '; ') filter (
                where status.status in ('failing', 'warning')
            ) as troubles,
            -- '-infinity': some resource was never complete
            min(coalesce(status.last_complete_at, '-infinity')) filter (
                where status.status <> 'not_available'
            ) as complete_at,
            max(status.finished_at) as last_synced_at,
            sum(status.rows_mirrored) as rows_mirrored
        from ops.resource_status as status
        group by status.account_id
    ) as resources on accounts.account_id = resources.account_id
    left join ops.webhook_endpoints as endpoints on accounts.account_id = endpoints.account_id
    left join ops.polls as polls
        on accounts.account_id = polls.account_id and polls.method = 'list' and polls.list_until > now()
    left join pending on accounts.account_id = pending.account_id
    left join dead on accounts.account_id = dead.account_id
    left join quarantined on accounts.account_id = quarantined.account_id
    left join deferred on accounts.account_id = deferred.account_id
    left join today on accounts.account_id = today.account_id
    left join running on accounts.account_id = running.account_id
) as judged;
