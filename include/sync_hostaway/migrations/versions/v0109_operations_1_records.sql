-- Records for operators: the state of each account and resource, calls and syncs per day, changes of settings.

---------------------------------------------------------------------- sync log

alter table ops.sync_runs add column retry_until timestamptz;
comment on column ops.sync_runs.retry_until is
    'a sync that failed is tried again before this moment; null: no retry is pending';
create index sync_runs_running on ops.sync_runs (account_id) where status = 'running';
create index webhook_events_dead on ops.webhook_events (account_id) where state = 'dead';

---------------------------------------------------------------------- settings in effect

create table ops.account_settings (
    account_id       bigint primary key references ops.accounts on delete cascade,
    resources        text[] not null,
    stale_after      interval not null,
    sync_every_hours integer not null check (sync_every_hours between 1 and 24),
    calls_per_second numeric,
    updated_at       timestamptz not null default clock_timestamp()
);
comment on table ops.account_settings is
    'what the settings and the account''s options come to, so that SQL can tell what is late. hostaway_maintenance writes it';
comment on column ops.account_settings.resources is 'the resources that are mirrored';
comment on column ops.account_settings.stale_after is 'a resource whose last complete sync is older is late';
comment on column ops.account_settings.calls_per_second is 'limit of the account; null: none';

create function ops.add_account_settings() returns trigger
language plpgsql
as $$
begin
    insert into ops.account_settings (account_id, resources, stale_after, sync_every_hours)
    values (
        new.account_id,
        array[
            'listings', 'reservations', 'conversations', 'messages', 'calendar_days', 'reviews', 'tasks', 'users', 'coupons'
        ],
        '36 hours',
        24
    )
    on conflict do nothing;
    return null;
end
$$;
-- invariant: every account has settings, so that the views need no outer join
create trigger add_account_settings
after insert on ops.accounts
for each row execute function ops.add_account_settings();

---------------------------------------------------------------------- state of each resource

create table ops.resource_states (
    account_id       bigint not null,
    resource         text not null,
    sync_run_id      bigint not null,
    mode             text not null,
    status           text not null,
    started_at       timestamptz not null,
    finished_at      timestamptz,
    rows_expected    bigint,
    rows_seen        bigint not null,
    rows_quarantined bigint not null,
    api_calls        bigint not null,
    retry_until      timestamptz,
    failures         integer not null default 0,
    failing_since    timestamptz,
    last_error       text,
    last_complete_at timestamptz,
    last_full_at     timestamptz,
    rows_mirrored    bigint,
    -- invariant: one state per resource of an account
    primary key (account_id, resource)
) with (fillfactor = 50);
comment on table ops.resource_states is
    'the newest sync of each resource, kept by a trigger of ops.sync_runs: reading it costs the same however long the log is. A delta is no sync of a resource';
comment on column ops.resource_states.failures is 'syncs in a row that failed or were incomplete, since the last complete one';
comment on column ops.resource_states.rows_mirrored is 'rows that the last complete full sync saw';

create table ops.account_days (
    account_id   bigint not null,
    day          date not null,
    complete     integer not null default 0,
    incomplete   integer not null default 0,
    failed       integer not null default 0,
    rows_changed bigint not null default 0,
    api_calls    bigint not null default 0,
    -- invariant: one row per account and day
    primary key (account_id, day)
) with (fillfactor = 80);
comment on table ops.account_days is
    'finished syncs and their calls by day in UTC, kept by a trigger of ops.sync_runs; calls of deltas count, their syncs do not';
create index account_days_by_day on ops.account_days (day);

create function ops.note_sync_run() returns trigger
language plpgsql
as $$
declare
    v_complete constant boolean := new.status in ('complete', 'complete_after_retry');
    v_failed constant boolean := new.status in ('incomplete', 'failed');
    v_full constant boolean := new.status in ('complete', 'complete_after_retry') and new.mode = 'full' and new.since is null;
begin
    if new.mode <> 'delta' then
        insert into ops.resource_states as known (
            account_id, resource, sync_run_id, mode, status, started_at, finished_at, rows_expected, rows_seen,
            rows_quarantined, api_calls, retry_until, failures, failing_since, last_error, last_complete_at,
            last_full_at, rows_mirrored
        )
        values (
            new.account_id, new.resource, new.sync_run_id, new.mode, new.status, new.started_at, new.finished_at,
            new.rows_expected, new.rows_seen, new.rows_quarantined, new.api_calls, new.retry_until,
            v_failed::integer, case when v_failed then new.finished_at end, new.error,
            case when v_complete then new.finished_at end, case when v_full then new.finished_at end,
            case when v_full then new.rows_seen end
        )
        on conflict (account_id, resource) do update set
            sync_run_id = excluded.sync_run_id,
            mode = excluded.mode,
            status = excluded.status,
            started_at = excluded.started_at,
            finished_at = excluded.finished_at,
            rows_expected = excluded.rows_expected,
            rows_seen = excluded.rows_seen,
            rows_quarantined = excluded.rows_quarantined,
            api_calls = excluded.api_calls,
            retry_until = excluded.retry_until,
            failures = case
                when v_failed then known.failures + 1
                when new.status = 'running' then known.failures
                else 0
            end,
            failing_since = case
                when v_failed then coalesce(known.failing_since, excluded.failing_since)
                when new.status = 'running' then known.failing_since
            end,
            last_error = case when new.status = 'running' then known.last_error else excluded.last_error end,
            last_complete_at = coalesce(excluded.last_complete_at, known.last_complete_at),
            last_full_at = coalesce(excluded.last_full_at, known.last_full_at),
            rows_mirrored = coalesce(excluded.rows_mirrored, known.rows_mirrored)
        -- an abandoned run that is closed late does not change the state of a newer one
        where excluded.sync_run_id >= known.sync_run_id;
    end if;
    if new.finished_at is not null and (tg_op = 'INSERT' or old.finished_at is null) then
        insert into ops.account_days as known (account_id, day, complete, incomplete, failed, rows_changed, api_calls)
        values (
            new.account_id,
            (new.finished_at at time zone 'UTC')::date,
            (v_complete and new.mode <> 'delta')::integer,
            (new.status = 'incomplete' and new.mode <> 'delta')::integer,
            (new.status = 'failed' and new.mode <> 'delta')::integer,
            new.rows_new + new.rows_changed,
            new.api_calls
        )
        on conflict (account_id, day) do update set
            complete = known.complete + excluded.complete,
            incomplete = known.incomplete + excluded.incomplete,
            failed = known.failed + excluded.failed,
            rows_changed = known.rows_changed + excluded.rows_changed,
            api_calls = known.api_calls + excluded.api_calls;
    end if;
    return null;
end
$$;

create trigger note_new_sync_run
after insert on ops.sync_runs
for each row execute function ops.note_sync_run();

-- Counts change with every page; the status changes once.
create trigger note_ended_sync_run
after update of status on ops.sync_runs
for each row
when (old.status is distinct from new.status)
execute function ops.note_sync_run();

---------------------------------------------------------------------- who changed what

create table ops.account_changes (
    change_id  bigint generated always as identity primary key,
    account_id bigint not null references ops.accounts on delete cascade,
    changed_at timestamptz not null default clock_timestamp(),
    changed_by text,
    what       text not null,
    before     text,
    after      text
);
comment on table ops.account_changes is
    'changes of an account''s settings, stored by triggers, so that changes from every program and user are here. Never a secret';
comment on column ops.account_changes.changed_by is 'the operator, where the change came over the HTTP API or the page; null: a command or the product';
create index account_changes_by_account on ops.account_changes (account_id, change_id desc);

create function ops.changed_by() returns text
language sql
stable
return nullif(current_setting('hostaway.changed_by', true), '');
comment on function ops.changed_by() is 'the operator who works in this transaction; null: none is known';

create function ops.note_account_change() returns trigger
language plpgsql
as $$
begin
    insert into ops.account_changes (account_id, changed_by, what, before, after)
    select new.account_id, ops.changed_by(), field.what, field.before, field.after
    from (
        values
        ('registered', null, case when tg_op = 'INSERT' then coalesce(new.name, '') end),
        ('name', case when tg_op = 'UPDATE' then old.name end, case when tg_op = 'UPDATE' then new.name end),
        (
            'state',
            case when tg_op = 'UPDATE' then old.state end,
            case when tg_op = 'UPDATE' then concat_ws(': ', new.state, new.state_reason) end
        ),
        (
            'options',
            case when tg_op = 'UPDATE' then old.options::text end,
            case when tg_op = 'UPDATE' then new.options::text end
        )
    ) as field (what, before, after)
    where
        case field.what
            when 'registered' then tg_op = 'INSERT'
            when 'state' then tg_op = 'UPDATE' and old.state is distinct from new.state
            else field.before is distinct from field.after
        end;
    return null;
end
$$;
create trigger note_account_change
after insert or update on ops.accounts
for each row execute function ops.note_account_change();

create function ops.note_secret_change() returns trigger
language plpgsql
as $$
begin
    insert into ops.account_changes (account_id, changed_by, what)
    values (
        new.account_id,
        ops.changed_by(),
        case new.name when 'client_secret' then 'API key' else 'webhook password' end
    );
    return null;
end
$$;
create trigger note_secret_change
after insert or update of updated_at on ops.secrets
for each row
when (new.name in ('client_secret', 'webhook_password'))
execute function ops.note_secret_change();
