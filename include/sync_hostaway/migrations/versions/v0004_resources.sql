-- More landed resources, and what lets a killed walk go on.

---------------------------------------------------------------------- landing

create table landing.reviews (like landing.listings including all);
create table landing.tasks (like landing.listings including all);
create table landing.users (like landing.listings including all);
create table landing.coupons (like landing.listings including all);

-- Which calendars are due: those of the listings whose reservations landed since they were read
create index reservations_by_landing on landing.reservations (account_id, landed_at);

---------------------------------------------------------------------- walks under way

create table ops.walks (
    account_id   bigint not null,
    resource     text not null,
    plan         text not null,
    run_key      text not null,
    continued_at timestamptz not null default clock_timestamp(),
    -- invariant: one walk at a time over a resource of an account
    primary key (account_id, resource)
);
comment on table ops.walks is
    'walks that have begun and not ended: whoever comes after a kill goes on with one. A walk that ends is deleted';
comment on column ops.walks.plan is 'what is read, and how; a walk of another plan begins anew';
comment on column ops.walks.run_key is 'the run that began it; the threads and calendars it has read carry this key';

create table ops.walk_pages (
    account_id   bigint not null,
    resource     text not null,
    page         integer not null,
    request      jsonb not null,
    rows         jsonb not null,
    count        bigint,
    requested_at timestamptz not null,
    served_at    timestamptz not null,
    primary key (account_id, resource, page),
    foreign key (account_id, resource) references ops.walks on delete cascade
);
comment on table ops.walk_pages is
    'the pages of a list that a walk has landed, each written in the transaction that landed it';
comment on column ops.walk_pages.request is 'parameters that were asked with, offset or cursor among them';
comment on column ops.walk_pages.rows is 'id and updatedOn of each row, in the order of the answer';

create table ops.calendars (
    account_id bigint not null,
    listing_id bigint not null,
    first_day  date not null,
    last_day   date not null,
    run_key    text not null,
    fetched_at timestamptz not null,
    primary key (account_id, listing_id)
);
comment on table ops.calendars is
    'which days of a listing were last read, and when: another window, or a reservation that landed later, makes it due';

---------------------------------------------------------------------- sync log

alter table ops.sync_runs add column since timestamptz;
comment on column ops.sync_runs.since is 'only what changed at or after this moment was asked for; null: everything';
