-- The schemas, the registry of accounts with their secrets, and what was erased.

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
    updated_at   timestamptz not null default now()
);
comment on column ops.accounts.account_id is 'Hostaway''s account id, which is also the OAuth client_id';
comment on column ops.accounts.state is 'credentials_rejected: Hostaway does not accept the credentials, nothing runs until they are rotated';

create table ops.secrets (
    account_id bigint not null references ops.accounts on delete cascade,
    name       text not null check (name in ('client_secret', 'access_token', 'webhook_password')),
    ciphertext bytea not null,
    updated_at timestamptz not null default now(),
    primary key (account_id, name),
    -- invariant: a secret is never stored in clear; Fernet tokens begin with version byte 0x80, 'gA' in base64
    constraint secrets_are_encrypted check (substring(ciphertext from 1 for 2) = 'gA'::bytea)
);

---------------------------------------------------------------------- what was erased, and stays so

create table ops.purged_accounts (
    account_id bigint primary key,
    purged_at  timestamptz not null default clock_timestamp()
);
comment on table ops.purged_accounts is
    'accounts whose rows were removed. Nothing lands for them, also from syncs that still run. Registering an account again removes it from here';

create table ops.erasures (
    account_id bigint not null,
    kind       text not null check (kind in ('reservation', 'conversation')),
    entity_id  text not null collate "C",
    erased_at  timestamptz not null default clock_timestamp(),
    primary key (account_id, kind, entity_id)
);
comment on table ops.erasures is
    'reservations and conversations of guests who were erased. Their payloads land without personal data';
