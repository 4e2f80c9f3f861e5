-- Polling: what stood at the head of an account's lists when they were last read, and whether that can be relied on.

create table ops.heads (
    account_id  bigint not null references ops.accounts on delete cascade,
    list        text not null check (list in ('changed', 'received', 'sent')),
    rows        jsonb not null check (jsonb_typeof(rows) = 'array'),
    since       timestamptz not null,
    observed_at timestamptz not null,
    read_at     timestamptz not null default clock_timestamp(),
    primary key (account_id, list),
    -- invariant: a head is never replaced by one that was read before it
    constraint heads_are_in_order check (observed_at >= since)
);
comment on table ops.heads is
    'the newest reservations of three orders: by change, by last message received, by last message sent. A head is replaced in the transaction that stores what moved since, so that a kill loses no movement between two heads';
comment on column ops.heads.rows is '[[id, updatedOn, latestActivityOn], …], newest first, as Hostaway writes them';
comment on column ops.heads.since is 'Hostaway''s clock when the first head was read: what moved before that, the heads cannot show';
comment on column ops.heads.observed_at is 'Hostaway''s clock when this head was read';
comment on column ops.heads.read_at is 'the same moment by the clock of the database, or a little later';

create table ops.polls (
    account_id   bigint primary key references ops.accounts on delete cascade,
    method       text not null default 'heads' check (method in ('heads', 'list')),
    reason       text,
    list_until   timestamptz,
    missed       bigint not null default 0 check (missed >= 0),
    stamps_move  boolean,
    sort_seen_at timestamptz,
    polled_at    timestamptz,
    listed_at    timestamptz,
    error        text,
    -- invariant: an account that is polled without heads has a reason and an end time
    constraint polls_list_has_a_reason check (method = 'heads' or (reason is not null and list_until is not null))
);
comment on table ops.polls is 'The state of the polls of an account';
comment on column ops.polls.method is 'list: the heads missed something, or the sort order is ignored. Until list_until, the whole list of conversations is read in their place, once an hour';
comment on column ops.polls.missed is 'conversations and reservations that complete lists have shown to be newer than the heads did';
comment on column ops.polls.stamps_move is 'whether a message moves the stamps of its reservation, as far as was seen; null: no message was seen yet';
comment on column ops.polls.sort_seen_at is 'When the server last returned the requested sort order';
comment on column ops.polls.listed_at is 'when a poll last read the list in place of the heads';
comment on column ops.polls.error is 'why the last poll brought nothing; null when it did';
