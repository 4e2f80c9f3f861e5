-- The HTTP API: tokens, the outbox of guest messages, and the role that reads one account at a time.

---------------------------------------------------------------------- tokens of host applications

create table ops.api_tokens (
    token_id     text collate "C" primary key check (token_id ~ '^[0-9a-f]{12}$'),
    account_id   bigint not null references ops.accounts on delete cascade,
    name         text not null check (length(name) between 1 and 200),
    -- invariant: the text of a token is never stored, only its SHA-256
    digest       bytea not null check (length(digest) = 32),
    scopes       text[] not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    -- invariant: a token has at least one scope, and known scopes only
    constraint api_tokens_scopes_are_known check (
        cardinality(scopes) > 0 and scopes <@ array['read:calendar', 'read:reservations', 'send:messages']
    ),
    constraint api_tokens_expire_after_they_began check (expires_at > created_at)
);
comment on column ops.api_tokens.token_id is 'the part of the token that may be shown and logged';
comment on column ops.api_tokens.digest is
    'SHA-256 of the whole token, which is random and long: a slow hash would protect nothing more';
comment on column ops.api_tokens.expires_at is 'null: never';
comment on column ops.api_tokens.last_used_at is 'to the minute: written at most once in one';
create index api_tokens_by_account on ops.api_tokens (account_id, created_at);

---------------------------------------------------------------------- outbox of guest messages

create table ops.outbox (
    outbox_id       bigint generated always as identity primary key,
    account_id      bigint not null references ops.accounts on delete cascade,
    idempotency_key text not null collate "C" check (length(idempotency_key) between 1 and 255),
    request_hash    bytea not null check (length(request_hash) = 32),
    reservation_id  bigint not null,
    conversation_id bigint not null,
    channel_type    text not null,
    body            text not null,
    state           text not null default 'sending' check (state in ('sending', 'sent', 'failed', 'unknown')),
    attempts        integer not null default 1 check (attempts > 0),
    tried_at        timestamptz not null default clock_timestamp(),
    message_id      bigint,
    message_status  text,
    reason          text,
    created_at      timestamptz not null default clock_timestamp(),
    settled_at      timestamptz,
    -- invariant: a guest message is sent at most once per idempotency key
    constraint outbox_one_message_per_key unique (account_id, idempotency_key),
    -- invariant: one message in Hostaway is the outcome of one entry, however alike two of them are
    constraint outbox_one_entry_per_message unique (account_id, message_id),
    constraint outbox_sent_names_the_message check ((state = 'sent') = (message_id is not null)),
    constraint outbox_failed_says_why check (state <> 'failed' or reason is not null),
    constraint outbox_settles_once check ((state in ('sent', 'failed')) = (settled_at is not null))
);
comment on table ops.outbox is 'Guest messages of host applications: written before the request to Hostaway, settled with its answer';
comment on column ops.outbox.state is
    'sending: in progress, or its process was killed. unknown: Hostaway did not answer and may have it, or carry it out later. Neither is sent again; the conversation is read to find it';
comment on column ops.outbox.body is
    'the text, until it is known what became of the message, for a day at most; empty afterwards';
comment on column ops.outbox.attempts is 'requests to send it; always 1 since a key is never sent again';
comment on column ops.outbox.request_hash is 'SHA-256 of the request: the same key with another request is refused';
comment on column ops.outbox.tried_at is 'when Hostaway was last asked to send it; what counts against the limit';
create index outbox_by_attempt on ops.outbox (account_id, tried_at);
-- What `hostaway_maintenance` looks for every ten minutes.
create index outbox_unsettled on ops.outbox (account_id, tried_at) where settled_at is null;

---------------------------------------------------------------------- one account at a time

-- Roles belong to the whole server: another database may have created them already. Row-level security restricts
-- hostaway_api, and also members that inherit from it. `grant … with inherit false` needs PostgreSQL 16. So
-- hostaway_api_users, which does not inherit, is between them: its members may change to hostaway_api.
do $roles$
declare
    may_become constant text := case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end;
begin
    if to_regrole('hostaway_api') is null then
        create role hostaway_api nologin;
    end if;
    if not pg_has_role('hostaway_api', may_become) then
        if to_regrole('hostaway_api_users') is null then
            create role hostaway_api_users nologin noinherit;
            grant hostaway_api to hostaway_api_users;
        end if;
        execute format('grant hostaway_api_users to %I', current_user);
    end if;
exception
    when insufficient_privilege then
        raise insufficient_privilege using
            message = format('%s may not create the role hostaway_api, under which the HTTP API reads', quote_ident(current_user)),
            hint = format(
                'Have an administrator of the server run: create role hostaway_api nologin; '
                'create role hostaway_api_users nologin noinherit; grant hostaway_api to hostaway_api_users; '
                'grant hostaway_api_users to %I; and then migrate again',
                current_user
            );
end
$roles$;

create function ops.apply_row_security(core_table regclass) returns void
language plpgsql
as $guard$
declare
    core_schema constant text := (select relnamespace::regnamespace::text from pg_class where oid = core_table);
begin
    if
        has_table_privilege('hostaway_api', core_table, 'select')
        and (select relrowsecurity and relforcerowsecurity from pg_class where oid = core_table)
        and (
            select count(*) = 2 from pg_policy
            where polrelid = core_table and polname in ('as_granted', 'one_account')
        )
    then
        -- Nearly always: what follows locks the table.
        return;
    end if;
    -- dbt builds several tables at once, and all of them are in one schema.
    perform pg_advisory_xact_lock(hashtextextended('hostaway guard', 0));
    if not has_schema_privilege('hostaway_api', core_schema, 'usage') then
        execute format('grant usage on schema %s to hostaway_api', core_schema);
    end if;
    execute format('alter table %s enable row level security, force row level security', core_table);
    execute format('drop policy if exists as_granted on %s', core_table);
    execute format('drop policy if exists one_account on %s', core_table);
    execute format('create policy as_granted on %s using (true) with check (true)', core_table);
    -- invariant: an account cannot read another's rows. Without an account there are no rows; the subquery is evaluated
    -- once per statement and uses the primary key.
    execute format(
        'create policy one_account on %s as restrictive to hostaway_api '
        'using (account_id = (select nullif(current_setting(''hostaway.account_id'', true), '''')::bigint))',
        core_table
    );
    execute format('grant select on %s to hostaway_api', core_table);
end
$guard$;
comment on function ops.apply_row_security(regclass) is
    'Lets hostaway_api read a core table, one account at a time. Other roles read it as they were granted. dbt calls it for each table it has built';
