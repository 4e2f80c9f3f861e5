-- Webhooks: the address each account is reached at, the inbox, and what became of each event.

create table ops.webhook_endpoints (
    account_id            bigint primary key references ops.accounts on delete cascade,
    endpoint_key          text not null collate "C",
    login                 text not null,
    password_digest       bytea not null check (length(password_digest) = 32),
    old_password_digest   bytea check (length(old_password_digest) = 32),
    password_sent_at      timestamptz,
    url                   text,
    hostaway_id           bigint,
    log_read_to           bigint not null default 0,
    last_heartbeat_at     timestamptz not null default clock_timestamp(),
    catch_up_requested_at timestamptz,
    state                 text not null default 'unregistered'
        check (state in ('unregistered', 'registered', 'polling', 'failed')),
    state_reason          text,
    checked_at            timestamptz,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    -- invariant: a key leads to one account
    constraint webhook_endpoints_key_is_one_accounts unique (endpoint_key),
    constraint webhook_endpoints_registered_has_an_id check (state <> 'registered' or (hostaway_id is not null and url is not null))
);
comment on column ops.webhook_endpoints.endpoint_key is 'the unguessable last part of the URL';
comment on column ops.webhook_endpoints.password_digest is 'SHA-256 of the Basic password, which is random and long: a slow hash would protect nothing more. The password itself is in ops.secrets';
comment on column ops.webhook_endpoints.old_password_digest is 'still accepted while a new password makes its way to Hostaway, and for the hour in which Hostaway repeats what it sent before';
comment on column ops.webhook_endpoints.password_sent_at is 'since when Hostaway has the password of password_digest; null: it does not have it yet';
comment on column ops.webhook_endpoints.log_read_to is 'newest entry of Hostaway''s delivery log that was looked at';
comment on column ops.webhook_endpoints.last_heartbeat_at is 'when the platform was last known to run; a long gap behind it means lost deliveries';
comment on column ops.webhook_endpoints.catch_up_requested_at is 'when a loss of unknown deliveries was last noticed; null after a sync was requested';
comment on column ops.webhook_endpoints.state is 'polling: PUBLIC_BASE_URL is not set, nothing is delivered';

create table ops.webhook_events (
    event_id         bigint generated always as identity primary key,
    account_id       bigint not null references ops.accounts on delete cascade,
    content_hash     bytea not null check (length(content_hash) = 32),
    state            text not null default 'pending'
        check (state in ('pending', 'done', 'object_deleted', 'dead', 'ignored', 'unreadable', 'discarded')),
    event            text,
    object           text,
    object_id        bigint,
    conversation_id  bigint,
    reservation_id   bigint,
    body             bytea,
    times_received   integer not null default 1 check (times_received > 0),
    received_at      timestamptz not null default clock_timestamp(),
    last_received_at timestamptz not null default clock_timestamp(),
    attempts         integer not null default 0,
    next_try_at      timestamptz not null default clock_timestamp(),
    reason           text,
    run_key          text,
    load_id          bigint,
    finished_at      timestamptz,
    not_found_count  integer not null default 0,
    unread_nights    jsonb,
    source           text not null default 'webhook' check (source in ('webhook', 'delivery log', 'poll')),
    -- invariant: a delivery repeated by Hostaway is one event, counted
    constraint webhook_events_count_duplicates unique (account_id, content_hash),
    -- invariant: an event that is not pending has an end time
    constraint webhook_events_end_once check ((state = 'pending') = (finished_at is null)),
    -- invariant: a dead event has a reason
    constraint webhook_events_dead_have_a_reason check (state <> 'dead' or reason is not null)
);
comment on table ops.webhook_events is 'the inbox: written before Hostaway gets its answer, processed by hostaway_delta';
comment on column ops.webhook_events.state is
    'done: its object was fetched and landed. object_deleted: Hostaway no longer has it. dead: out of attempts. ignored: an event of an unknown kind. unreadable: no JSON object. discarded: by an operator';
comment on column ops.webhook_events.body is 'as received; personal data, emptied after the retention';
comment on column ops.webhook_events.load_id is 'the newest load that brought its object; null when nothing had changed';
comment on column ops.webhook_events.not_found_count is 'tries in which Hostaway did not have the object: the first one may come too early';
comment on column ops.webhook_events.unread_nights is 'calendar days still to be read, [[listing, first day, last day], …]: the reservation that touched them has landed already';
comment on column ops.webhook_events.source is
    'poll: no delivery, but a head that moved. Its object is the reservation, or the conversations of the reservation';
-- what the worker reads; as small as the backlog, however long the history
create index webhook_events_pending on ops.webhook_events (account_id, next_try_at, event_id) where state = 'pending';
create index webhook_events_by_time on ops.webhook_events (received_at);
create index webhook_events_by_object on ops.webhook_events (account_id, object, object_id);
create index webhook_events_dead on ops.webhook_events (account_id) where state = 'dead';
-- The newest event of each account, and those of a week
create index webhook_events_by_account on ops.webhook_events (account_id, received_at);
select ops.set_autovacuum('ops.webhook_events');

-- A running worker is notified of new work at once. If none runs, the receiver requests one.
create function ops.announce_webhook_event() returns trigger
language plpgsql
as $$
begin
    perform pg_notify('hostaway_webhook_events', '');
    return null;
end
$$;
create trigger webhook_events_are_announced
after insert or update of state on ops.webhook_events
for each row when (new.state = 'pending')
execute function ops.announce_webhook_event();

-- The stamp of a conversation in its list. It changes with every message sent, received, scheduled or failed, and is
-- empty for a conversation without messages.
create function ops.conversation_stamp(conversation jsonb) returns text
language sql
stable
return concat_ws(
    '|',
    conversation ->> 'messageSentOn',
    conversation ->> 'messageReceivedOn',
    conversation -> 'conversationMessages' -> 0 ->> 'id',
    conversation -> 'conversationMessages' -> 0 ->> 'status',
    conversation -> 'conversationMessages' -> 0 ->> 'updatedOn'
);
