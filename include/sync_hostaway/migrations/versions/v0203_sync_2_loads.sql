-- From landed rows to core tables: the ledger of loads and transforms, the deferred rows, and the quarantine.

create table ops.transforms (
    transform_id  bigint generated always as identity primary key,
    state         text not null default 'running' check (state in ('running', 'succeeded', 'failed')),
    requested_by  text,
    project_hash  text,
    selection     text,
    photos        boolean not null default true,
    full_rebuild  boolean not null default false,
    loads         bigint not null default 0,
    rows_deferred bigint,
    models        jsonb,
    error         text,
    started_at    timestamptz not null default clock_timestamp(),
    finished_at   timestamptz,
    builds_marts  boolean not null default false,
    accounts_grew boolean not null default false
);
comment on column ops.transforms.selection is 'The selected models; null: all. Only a transform of all models finishes loads';
comment on column ops.transforms.photos is 'whether listing_photos is filled';
comment on column ops.transforms.builds_marts is
    'whether it brought the marts up to date, too: transforms after webhook events leave that to the next one';
comment on column ops.transforms.accounts_grew is
    'whether it processes the first rows of an account, or as many new ones as the account had: the tables need new statistics';
-- Every model reads the present transform: this must not read the history.
create index transforms_by_start on ops.transforms (started_at);
-- Whether another version of the dbt project has transformed: every transform asks, and the log may have a million rows.
create index transforms_by_project on ops.transforms (project_hash, transform_id)
where selection is null and (full_rebuild or state = 'succeeded');
create index transforms_full_rebuilds on ops.transforms (transform_id) where full_rebuild;
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

-- What a sync has landed, when it compares lists with heads
create index loads_by_run on ops.loads (sync_run_id) where sync_run_id is not null;

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
    coalesce((select bool_or(full_rebuild) from ops.transforms where state = 'running'), false) as full_rebuild,
    coalesce((select bool_or(accounts_grew) from ops.transforms where state = 'running'), false) as accounts_grew;
comment on view ops.current_transform is
    'transform_at stamps the rows a transform changes; rows stamped after last_success_at changed since the last one that succeeded';

create view ops.current_marts_build as
select coalesce(max(started_at), '-infinity') as last_success_at
from ops.transforms
where state = 'succeeded' and builds_marts;
comment on view ops.current_marts_build is
    'rows of core tables stamped after last_success_at changed since the marts were built';

create table ops.deferred_rows (
    account_id     bigint not null,
    resource       text not null,
    entity_id      text collate "C" not null,
    missing_parent text not null,
    deferred_since timestamptz not null default now(),
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

select ops.set_autovacuum(large.name)
from unnest(array['ops.loads', 'ops.deferred_rows', 'ops.quarantine']::regclass[]) as large (name);
