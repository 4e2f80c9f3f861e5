-- The schemas, the registry of accounts with their secrets and settings, who changed them, and what was erased.

create schema if not exists ops;
create schema if not exists landing;

comment on schema ops is 'Registry, secrets, sync log, load ledger and quarantine. Owned by the migrations of sync-hostaway.';
comment on schema landing is 'Raw Hostaway payloads, one current row per account and entity. Owned by the migrations of sync-hostaway.';

---------------------------------------------------------------------- accounts

create table ops.accounts (
    account_id   bigint primary key check (account_id > 0),
    name         text,
    state        text not null default 'active' check (state in ('active', 'disabled', 'credentials_rejected')),
    state_reason text,
    options      jsonb not null default '{}'::jsonb check (jsonb_typeof(options) = 'object'),
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    resumed_at   timestamptz
);
comment on column ops.accounts.account_id is 'Hostaway''s account id, which is also the OAuth client_id';
comment on column ops.accounts.state is 'credentials_rejected: Hostaway does not accept the credentials, nothing runs until they are rotated';
comment on column ops.accounts.resumed_at is
    'when it last became active again, with a new API key or after a pause; null: never';

create function ops.note_resumed_account() returns trigger
language plpgsql
as $$
begin
    new.resumed_at := clock_timestamp();
    return new;
end
$$;
create trigger note_resumed_account
before update of state on ops.accounts
for each row
when (new.state = 'active' and old.state <> 'active')
execute function ops.note_resumed_account();

create table ops.secrets (
    account_id bigint not null references ops.accounts on delete cascade,
    name       text not null check (name in ('client_secret', 'access_token', 'webhook_password')),
    ciphertext bytea not null,
    updated_at timestamptz not null default now(),
    primary key (account_id, name),
    -- invariant: a secret is never stored in clear; Fernet tokens begin with version byte 0x80, 'gA' in base64
    constraint secrets_are_encrypted check (substring(ciphertext from 1 for 2) = 'gA'::bytea)
);

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
            'listings', 'reservations', 'conversations', 'messages', 'calendar_days', 'reviews', 'tasks', 'users', 'coupons',
            'reservation_finance', 'expenses', 'owner_statements', 'guest_charges', 'tax_settings'
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

---------------------------------------------------------------------- what was erased, and stays so

create table ops.purged_accounts (
    account_id bigint primary key,
    purged_at  timestamptz not null default clock_timestamp()
);
comment on table ops.purged_accounts is
    'accounts whose rows were removed. Nothing lands for them, also from syncs that still run. Registering an account again removes it from here';

create table ops.erasures (
    account_id bigint not null,
    kind       text not null check (kind in ('reservation', 'conversation', 'guest_name')),
    entity_id  text not null collate "C",
    erased_at  timestamptz not null default clock_timestamp(),
    primary key (account_id, kind, entity_id)
);
-- A name is compared by a hash: the name itself is personal data, and is erased.
comment on table ops.erasures is
    'reservations and conversations of guests who were erased. Their payloads land without personal data. guest_name: SHA-256 of a name, whose transcripts are not imported';

---------------------------------------------------------------------- the installation

create table ops.installation (
    -- invariant: there is one row
    is_single    boolean primary key default true check (is_single),
    installed_at timestamptz not null
);
comment on table ops.installation is 'one row: facts about this registry. Every Dag processor reads the same ones';
comment on column ops.installation.installed_at is
    'start date of the Dags for all accounts. It never changes, so that they get no new versions';
insert into ops.installation (installed_at) values (now());
