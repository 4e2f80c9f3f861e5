-- Examinations of accounts (`sync-hostaway doctor`).

create table ops.examinations (
    account_id  bigint primary key references ops.accounts on delete cascade,
    examined_at timestamptz not null default clock_timestamp(),
    calls       integer not null check (calls >= 0),
    findings    jsonb not null check (jsonb_typeof(findings) = 'array'),
    options_set jsonb not null default '{}'::jsonb check (jsonb_typeof(options_set) = 'object')
);
comment on table ops.examinations is 'the last examination of each account: how what the mirror assumes of Hostaway stands. Holds neither personal data nor secrets';
comment on column ops.examinations.findings is '[{check, status, detail, options}, …]; status: holds, differs (the mirror copes), fails, unknown';
comment on column ops.examinations.options_set is 'account options that the examination has set';
