-- Syncs: their log, and what a read has reached: the next sync after a kill continues it.

---------------------------------------------------------------------- sync log

create table ops.sync_runs (
    sync_run_id        bigint generated always as identity primary key,
    account_id         bigint not null,
    run_key            text not null,
    resource           text not null,
    mode               text not null check (mode in ('full', 'incremental', 'delta')),
    status             text not null default 'running'
        check (status in ('running', 'complete', 'complete_after_retry', 'incomplete', 'failed', 'refused')),
    rows_expected      bigint,
    rows_seen          bigint not null default 0,
    rows_new           bigint not null default 0,
    rows_changed       bigint not null default 0,
    rows_unchanged     bigint not null default 0,
    rows_quarantined   bigint not null default 0,
    rows_deleted       bigint not null default 0,
    api_calls          bigint not null default 0,
    retries            bigint not null default 0,
    throttled          bigint not null default 0,
    bytes_received     bigint not null default 0,
    error              text,
    started_at         timestamptz not null default clock_timestamp(),
    finished_at        timestamptz,
    since              timestamptz,
    rows_with_warnings bigint not null default 0,
    note               text,
    retry_until        timestamptz,
    -- invariant: a run with a status has ended, and one without has not
    constraint sync_runs_status_ends_the_run check ((status = 'running') = (finished_at is null))
);
comment on column ops.sync_runs.run_key is 'shared by every attempt and resource of one Dag run or command';
comment on column ops.sync_runs.since is 'only what changed at or after this moment was asked for; null: everything';
comment on column ops.sync_runs.rows_with_warnings is 'rows that landed with a value that could not be read; ops.quarantine names it';
comment on column ops.sync_runs.note is 'what is to be known of a run that did not fail: refused rows, odd values';
comment on column ops.sync_runs.retry_until is
    'a sync that failed is tried again before this moment; null: no retry is pending';
comment on column ops.sync_runs.status is
    'refused: Hostaway does not give this list to this account, and gives others; no failure, asked again daily';
-- Deltas are most of the log, and no query looks for them by account.
create index sync_runs_by_account on ops.sync_runs (account_id, resource, started_at desc) where mode <> 'delta';
create index sync_runs_of_syncs on ops.sync_runs (finished_at) where mode <> 'delta';
create index sync_runs_by_key on ops.sync_runs (account_id, run_key, resource);
create index sync_runs_by_end on ops.sync_runs (finished_at);
create index sync_runs_running on ops.sync_runs (account_id) where status = 'running';

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
    moved_at        timestamptz,
    primary key (account_id, conversation_id)
);
comment on table ops.conversation_reads is
    'The stamp of a conversation in the list when it was last read. An equal stamp means no new message; an equal run_key means that this run has read it';
comment on column ops.conversation_reads.moved_at is
    'since when a head shows a newer message than the conversation list of that time; null once the messages were read after that';

create table ops.lists_read (
    account_id bigint not null,
    resource   text not null,
    read_at    timestamptz not null,
    primary key (account_id, resource)
);
comment on table ops.lists_read is 'when a list was last read whole: incremental syncs of the same day read only its head';

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

create table ops.reservation_log_reads (
    account_id     bigint not null,
    reservation_id bigint not null,
    run_key        text not null,
    fetched_at     timestamptz not null,
    primary key (account_id, reservation_id)
);
comment on table ops.reservation_log_reads is 'when the log of each reservation was last read, and by which run';

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

select ops.set_autovacuum(large.name)
from unnest(array['ops.sync_runs', 'ops.conversation_reads', 'ops.calendar_reads']::regclass[]) as large (name);
