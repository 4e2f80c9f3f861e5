-- The status of each resource: the same rows as before, without a sort of all resources of all accounts.

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
        -- clock_timestamp() is volatile: so the planner computes the status once, not at each place that reads it
        case
            when accounts.state = 'disabled' then 'paused'
            when accounts.state <> 'active' then 'action_required'
            when states.status = 'refused' then 'not_available'
            when states.failures > 0 and (states.status = 'running' or states.retry_until > clock_timestamp())
                then 'warning'
            when states.failures > 0 and not coalesce(states.finished_at < accounts.resumed_at, false) then 'failing'
            when states.status = 'running' then 'syncing'
            when states.last_complete_at is not null
                then case
                    when
                        greatest(states.last_complete_at, accounts.resumed_at)
                        < now() - settings.stale_after
                        then 'failing'
                    when states.last_complete_at < accounts.resumed_at then 'syncing'
                    else 'healthy'
                end
            when greatest(accounts.created_at, accounts.resumed_at) >= now() - settings.stale_after
                then 'syncing'
            -- A resource that was switched on later, or came with a new version, is as old as the account's newest sync.
            -- The subquery runs for such resources only: a window function would sort all resources of all accounts.
            when (
                select max(others.last_complete_at) from ops.resource_states as others
                where others.account_id = accounts.account_id and others.resource = any(settings.resources)
            ) >= now() - settings.stale_after
                then 'syncing'
            else 'failing'
        end as status
    from ops.accounts as accounts
    inner join ops.account_settings as settings on accounts.account_id = settings.account_id
    cross join lateral unnest(settings.resources) as wanted (resource)
    left join ops.resource_states as states
        on accounts.account_id = states.account_id and wanted.resource = states.resource
) as judged;
