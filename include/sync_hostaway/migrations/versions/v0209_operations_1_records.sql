-- Records for operators: the state of each resource, calls and syncs per day, examinations, and what the pages in Airflow show.

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

---------------------------------------------------------------------- examinations of accounts (`sync-hostaway doctor`)

create table ops.examinations (
    account_id  bigint primary key references ops.accounts on delete cascade,
    examined_at timestamptz not null default clock_timestamp(),
    calls       integer not null check (calls >= 0),
    findings    jsonb not null check (jsonb_typeof(findings) = 'array'),
    options_set jsonb not null default '{}'::jsonb check (jsonb_typeof(options_set) = 'object')
);
comment on table ops.examinations is 'the last examination of each account: how what the mirror assumes of Hostaway stands. Holds neither personal data nor secrets';
comment on column ops.examinations.findings is '[{check, status, detail, options}, …]; status: holds, differs (the mirror copes), fails, unknown';
comment on column ops.examinations.options_set is 'account options that the examination has set';

---------------------------------------------------------------------- Dag processors

create table ops.dag_processors (
    host             text not null,
    file             text not null,
    import_seconds   double precision not null check (import_seconds >= 0),
    import_limit     double precision not null check (import_limit > 0),
    missing_accounts bigint[] not null default '{}',
    noted_at         timestamptz not null default clock_timestamp(),
    primary key (host, file)
);
comment on table ops.dag_processors is
    'trouble that a Dag processor had with a Dag file of the accounts: an import that took long, or accounts that only its copy of the list has. Processors without trouble have no row, or an old one';
comment on column ops.dag_processors.import_seconds is 'duration of the import';
comment on column ops.dag_processors.import_limit is 'seconds after which Airflow stops an import: all Dags of the file disappear then';
comment on column ops.dag_processors.missing_accounts is
    'accounts that the processor knew and the registry does not have; their Dags stay';

---------------------------------------------------------------------- documentation of the tables

-- As the page in Airflow shows it. In the database, because the worker that builds it and the API server that serves it
-- may be different machines.
create table ops.documentation (
    is_current   boolean primary key default true check (is_current),
    project_hash text not null,
    page         bytea not null,
    questions    jsonb not null,
    built_at     timestamptz not null default clock_timestamp()
);
comment on table ops.documentation is 'The documentation of all tables that dbt makes. Invariant: one row, the newest';
comment on column ops.documentation.page is 'the page of dbt docs with everything in it, HTML, gzip';
comment on column ops.documentation.questions is 'questions of analysts with their SQL, from docs/analytics.md';
comment on column ops.documentation.project_hash is 'state of the dbt project that it describes';
