create schema if not exists ops;
create schema if not exists landing;

comment on schema ops is 'Registry, secrets, sync log, load ledger and quarantine. Owned by the migrations of sync-hostaway.';
comment on schema landing is 'Raw Hostaway payloads, one current row per account and entity. Owned by the migrations of sync-hostaway.';

---------------------------------------------------------------------- accounts

create table ops.accounts (
    account_id   bigint primary key check (account_id > 0),
    name         text,
    state        text not null default 'active' check (state in ('active', 'disabled', 'refused')),
    state_reason text,
    options      jsonb not null default '{}'::jsonb check (jsonb_typeof(options) = 'object'),
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);
comment on column ops.accounts.account_id is 'Hostaway''s account id, which is also the OAuth client_id';
comment on column ops.accounts.state is 'refused: Hostaway does not accept the credentials, nothing runs until they are rotated';

create table ops.secrets (
    account_id bigint not null references ops.accounts on delete cascade,
    name       text not null check (name in ('client_secret', 'access_token', 'webhook_password')),
    ciphertext bytea not null,
    updated_at timestamptz not null default now(),
    primary key (account_id, name),
    -- invariant: a secret is never stored in clear; Fernet tokens begin with version byte 0x80, 'gA' in base64
    constraint secrets_are_encrypted check (substring(ciphertext from 1 for 2) = 'gA'::bytea)
);

---------------------------------------------------------------------- sync log

create table ops.sync_runs (
    sync_run_id      bigint generated always as identity primary key,
    account_id       bigint not null,
    run_key          text not null,
    resource         text not null,
    mode             text not null check (mode in ('full', 'incremental', 'delta')),
    verdict          text not null default 'running'
        check (verdict in ('running', 'complete', 'repaired', 'incomplete', 'failed')),
    rows_expected    bigint,
    rows_seen        bigint not null default 0,
    rows_new         bigint not null default 0,
    rows_changed     bigint not null default 0,
    rows_unchanged   bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_tombstoned  bigint not null default 0,
    api_calls        bigint not null default 0,
    retries          bigint not null default 0,
    throttled        bigint not null default 0,
    bytes_received   bigint not null default 0,
    error            text,
    started_at       timestamptz not null default clock_timestamp(),
    finished_at      timestamptz,
    -- invariant: a run with a verdict has ended, and one without has not
    constraint sync_runs_verdict_ends_the_run check ((verdict = 'running') = (finished_at is null))
);
comment on column ops.sync_runs.run_key is 'shared by every attempt and resource of one Dag run or command';
create index sync_runs_by_account on ops.sync_runs (account_id, resource, started_at desc);
create index sync_runs_by_key on ops.sync_runs (account_id, run_key, resource);
create index sync_runs_by_end on ops.sync_runs (finished_at);

create table ops.watermarks (
    account_id  bigint not null,
    resource    text not null,
    watermark   timestamptz not null,
    sync_run_id bigint,
    updated_at  timestamptz not null default now(),
    primary key (account_id, resource)
);
comment on column ops.watermarks.watermark is 'newest source timestamp of the last complete walk, in the source''s own clock';

create table ops.threads (
    account_id      bigint not null,
    conversation_id bigint not null,
    stamp           text not null,
    run_key         text not null,
    messages        integer not null,
    fetched_at      timestamptz not null default now(),
    primary key (account_id, conversation_id)
);
comment on table ops.threads is
    'what the thread list said when a thread was last fetched: an equal stamp means no new message, an equal run_key that this run has it already';

---------------------------------------------------------------------- load ledger

create table ops.transforms (
    transform_id bigint generated always as identity primary key,
    state        text not null default 'running' check (state in ('running', 'succeeded', 'failed')),
    requested_by text,
    project_hash text,
    selection    text,
    photos       boolean not null default true,
    reads_all    boolean not null default false,
    loads        bigint not null default 0,
    rows_held    bigint,
    models       jsonb,
    error        text,
    started_at   timestamptz not null default clock_timestamp(),
    finished_at  timestamptz
);
comment on column ops.transforms.selection is 'the models that were asked for; null: all. Only these finish loads';
comment on column ops.transforms.photos is 'whether listing_photos is filled';
-- invariant: one writer for dbt at a time
create unique index transforms_one_running on ops.transforms (state) where state = 'running';

create table ops.loads (
    load_id        bigint generated always as identity primary key,
    account_id     bigint not null,
    resource       text not null,
    sync_run_id    bigint,
    rows_new       integer not null default 0,
    rows_changed   integer not null default 0,
    landed_at      timestamptz not null default clock_timestamp(),
    transform_id   bigint references ops.transforms on delete restrict,
    transformed_at timestamptz,
    -- invariant: only a load that some transform claimed can be done
    constraint loads_done_means_claimed check (transformed_at is null or transform_id is not null)
);
create index loads_pending on ops.loads (load_id) where transformed_at is null;

create view ops.claimed_loads as
select load_id, account_id, resource
from ops.loads
where transform_id is not null and transformed_at is null;
comment on view ops.claimed_loads is
    'the loads the running transform works on: fixed when it began, done only when it succeeded';

create view ops.transform_clock as
select
    coalesce(max(started_at) filter (where state = 'running'), now()) as transform_at,
    coalesce(
        max(started_at) filter (where state = 'succeeded' and selection is null), '-infinity'
    ) as last_success_at,
    coalesce((select photos from ops.transforms order by transform_id desc limit 1), true) as photos,
    coalesce(bool_or(reads_all) filter (where state = 'running'), false) as reads_all
from ops.transforms;
comment on view ops.transform_clock is
    'transform_at stamps the rows a transform changes; rows stamped after last_success_at changed since the last one that succeeded';

create table ops.held_rows (
    account_id     bigint not null,
    resource       text not null,
    entity_id      text collate "C" not null,
    missing_parent text not null,
    held_since     timestamptz not null default now(),
    primary key (account_id, resource, entity_id)
);
comment on table ops.held_rows is 'landed rows whose parent has not landed yet; each transform tries them again';

create table ops.quarantine (
    quarantine_id bigint generated always as identity primary key,
    account_id    bigint not null,
    resource      text not null,
    entity_id     text,
    severity      text not null check (severity in ('rejected', 'accepted')),
    reason        text not null,
    payload       text not null,
    payload_hash  bytea not null,
    sync_run_id   bigint,
    times_seen    bigint not null default 1,
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    resolved_at   timestamptz
);
comment on column ops.quarantine.severity is
    'rejected: the row is only here. accepted: the row also landed, and holds a value nobody has seen before';
comment on column ops.quarantine.payload is 'as received; text, because jsonb refuses some of what makes a row bad';
-- invariant: the same bad row is one entry, however often it is seen
create unique index quarantine_one_entry_per_payload
    on ops.quarantine (account_id, resource, payload_hash, md5(reason));
create index quarantine_open on ops.quarantine (account_id, resource, entity_id) where resolved_at is null;

---------------------------------------------------------------------- landing

create table landing.listings (
    account_id        bigint not null,
    entity_id         text collate "C" not null,
    parent_id         bigint,
    payload           jsonb not null,
    payload_hash      bytea not null,
    source_updated_at timestamptz,
    observed_at       timestamptz not null,
    load_id           bigint not null,
    landed_at         timestamptz not null default now(),
    deleted_at        timestamptz,
    -- invariant: one current row per entity
    primary key (account_id, entity_id)
);
comment on column landing.listings.entity_id is 'the entity''s id; listing_id:date for calendar days';
comment on column landing.listings.parent_id is 'listing of a calendar day, conversation of a message';
comment on column landing.listings.source_updated_at is 'the source''s own change stamp, where it has one';
comment on column landing.listings.observed_at is 'when the request was sent that brought this version';
create index listings_by_load on landing.listings (load_id);

create table landing.reservations (like landing.listings including all);
create table landing.conversations (like landing.listings including all);
create table landing.messages (like landing.listings including all);
create table landing.calendar_days (like landing.listings including all);
create index messages_by_parent on landing.messages (account_id, parent_id);
create index calendar_days_by_parent on landing.calendar_days (account_id, parent_id);
