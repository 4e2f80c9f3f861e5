-- What failed or became old while the account was not active is no failure: a sync that reads what was missed is requested.
-- The reason of a rejected API key is one short sentence. The alert about the request budget is evaluated per outgoing
-- address, which only the settings know.

create or replace view ops.resource_status as
select
    judged.account_id,
    judged.resource,
    judged.status,
    case judged.status
        when 'paused' then concat('The account is paused', ': ' || judged.state_reason)
        when 'action_required' then 'Hostaway does not accept the API key'
        when 'not_available' then judged.last_error
        when 'warning' then concat(
            judged.failures, case judged.failures when 1 then ' try failed' else ' tries failed' end,
            case
                when judged.sync_status = 'running' then ', another one is running'
                else concat(
                    ', another one follows within ',
                    ops.duration_text(extract(epoch from judged.retry_until - now()))
                )
            end,
            ': ' || judged.last_error
        )
        when 'failing' then coalesce(
            case
                when judged.failures > 0 then concat(
                    case judged.sync_status when 'incomplete' then 'Incomplete' else 'Failed' end,
                    ' since ', to_char(judged.failing_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), ' UTC: ',
                    judged.last_error
                )
            end,
            case
                when judged.last_complete_at is null then 'Never synced since the account was registered'
                else concat(
                    'No complete sync for ',
                    ops.duration_text(extract(epoch from now() - judged.last_complete_at))
                )
            end
        )
        when 'syncing' then case
            when judged.sync_run_id is null then 'The first sync has not started yet'
            when judged.started_at < judged.resumed_at then 'The account is active again; its next sync has not started yet'
        end
    end as reason,
    case judged.status
        when 'paused' then 'Resume the account'
        when 'action_required' then 'Store a new API key'
        when 'not_available' then 'Switch the resource off for this account, or ask Hostaway for access'
        when 'warning' then 'Wait for the next try'
        when 'failing' then 'Read the error in the sync log, then sync again'
    end as remedy,
    judged.sync_run_id,
    judged.mode,
    judged.sync_status,
    judged.started_at,
    judged.finished_at,
    judged.rows_expected,
    judged.rows_seen,
    judged.rows_seen - judged.rows_quarantined as rows_landed,
    judged.rows_mirrored,
    judged.api_calls,
    judged.failures,
    judged.failing_since,
    judged.retry_until,
    judged.last_error,
    judged.last_complete_at,
    judged.last_full_at,
    extract(epoch from now() - judged.last_complete_at)::double precision as age_seconds
from (
    select
        accounts.account_id,
        accounts.state_reason,
        accounts.resumed_at,
        wanted.resource,
        states.sync_run_id,
        states.mode,
        states.status as sync_status,
        states.started_at,
        states.finished_at,
        states.rows_expected,
        states.rows_seen,
        states.rows_quarantined,
        states.rows_mirrored,
        states.api_calls,
        coalesce(states.failures, 0) as failures,
        states.failing_since,
        states.retry_until,
        states.last_error,
        states.last_complete_at,
        states.last_full_at,
        -- clock_timestamp(), which is volatile: the planner then computes the status once, not at each place that reads it
        case
            when accounts.state = 'disabled' then 'paused'
            when accounts.state <> 'active' then 'action_required'
            when states.status = 'refused' then 'not_available'
            when states.failures > 0 and (states.status = 'running' or states.retry_until > clock_timestamp())
                then 'warning'
            when states.failures > 0 and not coalesce(states.finished_at < accounts.resumed_at, false) then 'failing'
            when states.status = 'running' then 'syncing'
            -- A resource that was switched on later, or came with a new version, is as old as the account's newest sync.
            when
                greatest(
                    coalesce(
                        states.last_complete_at,
                        max(states.last_complete_at) over (partition by accounts.account_id),
                        accounts.created_at
                    ),
                    accounts.resumed_at
                ) < clock_timestamp() - settings.stale_after
                then 'failing'
            when states.last_complete_at is null or states.last_complete_at < accounts.resumed_at then 'syncing'
            else 'healthy'
        end as status
    from ops.accounts as accounts
    inner join ops.account_settings as settings on accounts.account_id = settings.account_id
    cross join lateral unnest(settings.resources) as wanted (resource)
    left join ops.resource_states as states
        on accounts.account_id = states.account_id and wanted.resource = states.resource
) as judged;

create or replace view ops.account_status as
with resources as (
    select
        status.account_id,
        min(ops.status_rank(status.status)) as worst,
        count(*) filter (where status.status = 'failing') as failing,
        -- no order: it would sort every resource of every account
        string_agg(concat(status.resource, ': ', status.reason), '; ') filter (
            where status.status in ('failing', 'warning')
        ) as troubles,
        bool_and(status.last_complete_at is not null) filter (where status.status <> 'not_available') as is_complete,
        min(status.last_complete_at) filter (where status.status <> 'not_available') as complete_at,
        max(status.finished_at) as last_synced_at,
        sum(status.rows_mirrored) as rows_mirrored
    from ops.resource_status as status
    group by status.account_id
),

pending as (
    select
        account_id,
        count(*) as events,
        min(received_at) as oldest_at,
        min(received_at) filter (where attempts = 0) as oldest_untried_at
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
),

judged as (
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
        resources.is_complete,
        resources.complete_at,
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
    left join resources on accounts.account_id = resources.account_id
    left join ops.webhook_endpoints as endpoints on accounts.account_id = endpoints.account_id
    left join ops.polls as polls
        on accounts.account_id = polls.account_id and polls.method = 'list' and polls.list_until > now()
    left join pending on accounts.account_id = pending.account_id
    left join dead on accounts.account_id = dead.account_id
    left join quarantined on accounts.account_id = quarantined.account_id
    left join deferred on accounts.account_id = deferred.account_id
    left join today on accounts.account_id = today.account_id
    left join running on accounts.account_id = running.account_id
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
    case when is_complete then complete_at end as complete_at,
    case when is_complete then extract(epoch from now() - complete_at)::double precision end as age_seconds,
    last_synced_at,
    coalesce(rows_mirrored, 0)::bigint as rows_mirrored,
    coalesce(calls_today, calls_running, 0)::bigint as calls_today,
    calls_per_second,
    coalesce(webhook_state, 'unregistered') as webhook_state,
    webhook_reason,
    coalesce(pending_events, 0) as pending_events,
    coalesce(extract(epoch from now() - oldest_at), 0)::double precision as oldest_pending_seconds,
    coalesce(dead_events, 0) as dead_events,
    coalesce(rejected, 0) as rejected_rows,
    coalesce(quarantined, 0) as quarantined_rows,
    coalesce(deferred, 0) as deferred_rows,
    coalesce(syncs, 0) as running_syncs,
    stale_after,
    sync_every_hours
from judged;

drop function ops.alert_conditions(double precision);

create function ops.current_conditions()
returns table (kind text, account_id bigint, severity text, summary text, remedy text)
stable language sql as $$
    select 'key_refused', status.account_id, 'error', status.reason, status.remedy
    from ops.account_status as status
    where status.status = 'action_required'
    union all
    select
        case when bool_or(status.failures > 0) then 'sync_failing' else 'sync_late' end,
        status.account_id,
        'error',
        string_agg(concat(status.resource, ': ', status.reason), '; '),
        min(status.remedy)
    from ops.resource_status as status
    where status.status = 'failing'
    group by status.account_id
    union all
    select
        'webhook_off', endpoints.account_id, 'warning',
        coalesce(endpoints.state_reason, 'Hostaway does not deliver to the webhook'), 'Register the webhook again'
    from ops.webhook_endpoints as endpoints
    inner join ops.accounts as accounts on endpoints.account_id = accounts.account_id and accounts.state = 'active'
    where endpoints.state = 'failed'
    union all
    select
        'dead_events', status.account_id, 'warning',
        concat(status.dead_events, ' webhook events ran out of tries'), 'Retry the dead events'
    from ops.account_status as status
    where status.dead_events > 0 and status.state = 'active'
    union all
    select
        'quarantine_growing', quarantine.account_id, 'warning',
        concat(count(*), ' rows of the last day did not land: their ids cannot be read'),
        'Read the reasons on the page of the account'
    from ops.quarantine as quarantine
    where
        quarantine.resolved_at is null
        and quarantine.severity = 'rejected'
        and quarantine.first_seen_at > now() - interval '1 day'
    group by quarantine.account_id
    having count(*) >= 10
    union all
    select
        'inbox_stuck', null, 'error',
        concat('The oldest webhook event that was not tried waits for ', ops.duration_text(waiting.seconds)),
        'Check that the scheduler and the Dag hostaway_delta run'
    from (
        select extract(epoch from now() - min(events.received_at))::double precision as seconds
        from ops.webhook_events as events
        inner join ops.accounts as accounts on events.account_id = accounts.account_id and accounts.state = 'active'
        where events.state = 'pending' and events.attempts = 0
    ) as waiting
    where waiting.seconds > 900
    union all
    select
        'transform_failing', null, 'error', concat('The last transform failed: ', newest.error),
        'Read the log of the Dag hostaway_transform'
    from (select state, error from ops.transforms where state <> 'running' order by transform_id desc limit 1) as newest
    where newest.state = 'failed'
    union all
    select
        'transform_late', null, 'error',
        concat('What landed waits for the transform for ', ops.duration_text(waiting.seconds)),
        'Check that the Dag hostaway_transform runs'
    from (
        select extract(epoch from now() - min(landed_at))::double precision as seconds
        from ops.loads
        where transformed_at is null
    ) as waiting
    where waiting.seconds > 3600
    union all
    select
        'database_connections', null, 'error',
        concat(used.connections, ' of ', used.allowed, ' connections of PostgreSQL are in use'),
        'Find what holds them in pg_stat_activity, or raise max_connections'
    from (
        select
            (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
            current_setting('max_connections')::integer as allowed
    ) as used
    where used.connections > 0.9 * used.allowed
$$;
comment on function ops.current_conditions() is 'the conditions that an alert is about, as they are now';
