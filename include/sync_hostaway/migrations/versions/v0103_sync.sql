-- Syncs: their log, the checkpoints of killed ones, the ledger of loads and transforms, and the deferred rows.

---------------------------------------------------------------------- sync log

create table ops.sync_runs (
    sync_run_id      bigint generated always as identity primary key,
    account_id       bigint not null,
    run_key          text not null,
    resource         text not null,
    mode             text not null check (mode in ('full', 'incremental', 'delta')),
    status          text not null default 'running'
        check (status in ('running', 'complete', 'complete_after_retry', 'incomplete', 'failed', 'refused')),
    rows_expected    bigint,
    rows_seen        bigint not null default 0,
    rows_new         bigint not null default 0,
    rows_changed     bigint not null default 0,
    rows_unchanged   bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_deleted  bigint not null default 0,
    api_calls        bigint not null default 0,
    retries          bigint not null default 0,
    throttled        bigint not null default 0,
    bytes_received   bigint not null default 0,
    error            text,
    started_at       timestamptz not null default clock_timestamp(),
    finished_at      timestamptz,
    since            timestamptz,
    rows_with_warnings         bigint not null default 0,
    note             text,
    -- invariant: a run with a status has ended, and one without has not
    constraint sync_runs_status_ends_the_run check ((status = 'running') = (finished_at is null))
);
comment on column ops.sync_runs.run_key is 'shared by every attempt and resource of one Dag run or command';
comment on column ops.sync_runs.since is 'only what changed at or after this moment was asked for; null: everything';
comment on column ops.sync_runs.rows_with_warnings is 'rows that landed with a value that could not be read; ops.quarantine names it';
comment on column ops.sync_runs.note is 'what is to be known of a run that did not fail: refused rows, odd values';
comment on column ops.sync_runs.status is
    'refused: Hostaway does not give this list to this account, and gives others; no failure, asked again daily';
-- Deltas are most of the log, and no query looks for them by account.
create index sync_runs_by_account on ops.sync_runs (account_id, resource, started_at desc) where mode <> 'delta';
create index sync_runs_of_syncs on ops.sync_runs (finished_at) where mode <> 'delta';
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
comment on column ops.watermarks.watermark is 'newest source timestamp of the last complete read, in the source''s own clock';

create table ops.conversation_reads (
    account_id      bigint not null,
    conversation_id bigint not null,
    stamp           text not null,
    run_key         text not null,
    messages        integer not null,
    fetched_at      timestamptz not null default now(),
    primary key (account_id, conversation_id)
);
comment on table ops.conversation_reads is
    'The stamp of a conversation in the list when it was last read. An equal stamp means no new message; an equal run_key means that this run has read it';

---------------------------------------------------------------------- reads under way

create table ops.sync_reads (
    account_id   bigint not null,
    resource     text not null,
    plan         text not null,
    run_key      text not null,
    continued_at timestamptz not null default clock_timestamp(),
    -- invariant: one read at a time of a resource of an account
    primary key (account_id, resource)
);
comment on table ops.sync_reads is
    'reads that have begun and not ended. The next sync after a kill continues one. A read that ends is deleted from here';
comment on column ops.sync_reads.plan is 'what is read, and how; a read with another plan starts from its beginning';
comment on column ops.sync_reads.run_key is 'the run that began it; the conversations and calendars it has read carry this key';

create table ops.sync_checkpoints (
    account_id   bigint not null,
    resource     text not null,
    page         integer not null,
    request      jsonb not null,
    rows         jsonb not null,
    count        bigint,
    requested_at timestamptz not null,
    served_at    timestamptz not null,
    primary key (account_id, resource, page),
    foreign key (account_id, resource) references ops.sync_reads on delete cascade
);
comment on table ops.sync_checkpoints is
    'the pages of a list that a read has landed, each written in the transaction that landed it';
comment on column ops.sync_checkpoints.request is 'parameters that were asked with, offset or cursor among them';
comment on column ops.sync_checkpoints.rows is 'id and updatedOn of each row, in the order of the answer';

create table ops.calendar_reads (
    account_id bigint not null,
    listing_id bigint not null,
    first_day  date not null,
    last_day   date not null,
    run_key    text not null,
    fetched_at timestamptz not null,
    left_at    timestamptz,
    primary key (account_id, listing_id)
);
comment on table ops.calendar_reads is
    'which days of a listing were last read, and when: another window, or a reservation that landed later, makes it due';

comment on column ops.calendar_reads.left_at is
    'when a reservation that had taken nights of it last landed with another listing: it is due until it was read later';

-- Here, because all that land reservations have to do it, and only here is the row as it was before.
create function ops.note_left_calendar() returns trigger
language plpgsql
as $$
begin
    update ops.calendar_reads
    set left_at = clock_timestamp()
    where account_id = old.account_id and listing_id = ops.as_id(old.payload -> 'listingMapId');
    return null;
end
$$;

-- invariant: nights that a reservation gives back with its listing are read again
create trigger note_left_calendar
after update of payload on landing.reservations
for each row
when (ops.as_id(old.payload -> 'listingMapId') is distinct from ops.as_id(new.payload -> 'listingMapId'))
execute function ops.note_left_calendar();

---------------------------------------------------------------------- load ledger

create table ops.transforms (
    transform_id bigint generated always as identity primary key,
    state        text not null default 'running' check (state in ('running', 'succeeded', 'failed')),
    requested_by text,
    project_hash text,
    selection    text,
    photos       boolean not null default true,
    full_rebuild    boolean not null default false,
    loads        bigint not null default 0,
    rows_deferred    bigint,
    models       jsonb,
    error        text,
    started_at   timestamptz not null default clock_timestamp(),
    finished_at  timestamptz
);
comment on column ops.transforms.selection is 'The selected models; null: all. Only a transform of all models finishes loads';
comment on column ops.transforms.photos is 'whether listing_photos is filled';
-- Every model reads the present transform: this must not read the history.
create index transforms_by_start on ops.transforms (started_at);
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

-- For the foreign key, when old transforms are deleted.
create index loads_by_transform on ops.loads (transform_id);

create view ops.claimed_loads as
select load_id, account_id, resource
from ops.loads
where transform_id is not null and transformed_at is null;
comment on view ops.claimed_loads is
    'the loads the running transform works on: fixed when it began, done only when it succeeded';

create view ops.current_transform as
select
    coalesce((select max(started_at) from ops.transforms where state = 'running'), now()) as transform_at,
    coalesce(
        (select max(started_at) from ops.transforms where state = 'succeeded' and selection is null), '-infinity'
    ) as last_success_at,
    coalesce((select photos from ops.transforms order by transform_id desc limit 1), true) as photos,
    coalesce((select bool_or(full_rebuild) from ops.transforms where state = 'running'), false) as full_rebuild;
comment on view ops.current_transform is
    'transform_at stamps the rows a transform changes; rows stamped after last_success_at changed since the last one that succeeded';

create table ops.deferred_rows (
    account_id     bigint not null,
    resource       text not null,
    entity_id      text collate "C" not null,
    missing_parent text not null,
    deferred_since     timestamptz not null default now(),
    primary key (account_id, resource, entity_id)
);
comment on table ops.deferred_rows is 'landed rows whose parent has not landed yet; each transform tries them again';

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
    'rejected: the row is only here. accepted: the row also landed, without the values that the reason names';
comment on column ops.quarantine.payload is 'as received; text, because jsonb refuses some of what makes a row bad';
-- invariant: the same bad row is one entry, however often it is seen
create unique index quarantine_one_entry_per_payload
    on ops.quarantine (account_id, resource, payload_hash, md5(reason));
create index quarantine_open on ops.quarantine (account_id, resource, entity_id) where resolved_at is null;
