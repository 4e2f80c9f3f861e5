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

---------------------------------------------------------------------- first syncs

create view ops.first_syncs as
select
    accounts.account_id,
    listed.rows_expected as reservations,
    listed.rows_seen as reservations_read,
    calendars.listings,
    calendars.calendars_read,
    talks.recent_conversations,
    talks.recent_conversations_read
from ops.accounts as accounts
left join lateral (
    select runs.rows_expected, runs.rows_seen
    from ops.sync_runs as runs
    where runs.account_id = accounts.account_id and runs.resource = 'reservations' and runs.mode <> 'delta'
    order by runs.started_at desc
    limit 1
) as listed on true
cross join lateral (
    select
        count(*) as listings,
        count(fetched.listing_id) as calendars_read
    from landing.listings as listings
    left join ops.calendar_reads as fetched
        on fetched.account_id = listings.account_id and fetched.listing_id = listings.entity_id::bigint
    where listings.account_id = accounts.account_id and listings.deleted_at is null
) as calendars
cross join lateral (
    select
        count(*) as recent_conversations,
        count(fetched.conversation_id) as recent_conversations_read
    from landing.conversations as conversations
    left join ops.conversation_reads as fetched
        on
            fetched.account_id = conversations.account_id
            and fetched.conversation_id = conversations.entity_id::bigint
            and fetched.moved_at is null
    where
        conversations.account_id = accounts.account_id
        and conversations.deleted_at is null
        -- as Hostaway writes them, stamps sort as text
        and greatest(conversations.payload ->> 'messageSentOn', conversations.payload ->> 'messageReceivedOn')
        > to_char((now() - interval '90 days') at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
) as talks
where
    accounts.state = 'active'
    and not exists (
        select
        from ops.resource_states as states
        where
            states.account_id = accounts.account_id
            and states.resource = 'messages'
            and states.last_complete_at is not null
    );
comment on view ops.first_syncs is
    'accounts whose first sync is not complete: progress with the rows that are read first. Reservations, calendars, and conversations with messages of the last 90 days';
