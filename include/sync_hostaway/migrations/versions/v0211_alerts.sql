-- Alerts on change of state: the conditions that hold now, and the messages that were sent.

create table ops.alerts (
    alert_id         bigint generated always as identity primary key,
    kind             text not null,
    account_id       bigint,
    severity         text not null check (severity in ('warning', 'error')),
    summary          text not null,
    remedy           text not null,
    began_at         timestamptz not null default clock_timestamp(),
    ended_at         timestamptz,
    begin_claimed_at timestamptz,
    begin_sent_at    timestamptz,
    end_claimed_at   timestamptz,
    end_sent_at      timestamptz,
    -- invariant: no message that was not claimed is sent, and no end without a begin
    constraint alerts_are_claimed_before_they_are_sent check (
        (begin_sent_at is null or begin_claimed_at is not null)
        and (end_sent_at is null or end_claimed_at is not null)
        and (end_claimed_at is null or (begin_sent_at is not null and ended_at is not null))
    )
);
comment on table ops.alerts is
    'one row for each time that a condition began to hold: one message when it begins, one when it ends. Kept by the Dag hostaway_alerts';
comment on column ops.alerts.account_id is 'null: the condition is about the installation';
comment on column ops.alerts.begin_claimed_at is
    'a process is about to send the message. A process that is killed then does not send it later: twice is worse than not at all, and the page shows the alert';
-- invariant: a condition that holds is one alert
create unique index alerts_one_open on ops.alerts (kind, coalesce(account_id, 0)) where ended_at is null;
create index alerts_by_end on ops.alerts (ended_at);

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
        select extract(epoch from now() - min(events.next_try_at))::double precision as seconds
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
