-- name: set_lock_timeout
select set_config('lock_timeout', %(lock_timeout)s, false)

-- name: is_purged
select exists(select 1 from ops.purged_accounts where account_id = %(account_id)s)

-- name: note_purge
insert into ops.purged_accounts (account_id) values (%(account_id)s)
on conflict (account_id) do update set purged_at = clock_timestamp()

-- name: tables_of_accounts
-- Only our tables: users may have other tables in these schemas. The registry comes last, because other rows refer to
-- it.
select
    namespaces.nspname as schema,
    tables.relname as name
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_namespace as namespaces on tables.relnamespace = namespaces.oid
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
where
    (
        namespaces.nspname || '.' || tables.relname = any(%(migrated)s::text[])
        or tables.oid in (select relation_id from ops.our_relations)
    )
    and tables.relkind in ('r', 'p')
    and columns.attname = 'account_id'
    and not columns.attisdropped
    and tables.oid not in ('ops.purged_accounts'::regclass, 'ops.rate_limit_permits'::regclass)
order by tables.oid = 'ops.accounts'::regclass, schema, name

-- name: lock_budget
select ops.rate_limit_lock(addresses.key, %(account_id)s)
from (
    select distinct key from ops.rate_limit_permits where scope = 'ip' and account_id = %(account_id)s order by key
) as addresses

-- name: forget_whose_calls
-- The calls of the account still count at Hostaway, for its address and for the account. Without their permits, too
-- many calls would be permitted within this window. So the permits stay. They contain no data of the account except its
-- id in the key of its own scope.
update ops.rate_limit_permits set account_id = null, priority = null where account_id = %(account_id)s

-- name: delete_account_rows
-- `only`: a table of others may inherit from it.
delete from only {table} where account_id = %(account_id)s

-- name: forget_transform_errors
-- Errors of transforms belong to no account, and may quote any. So do alerts about the installation: the next evaluation
-- writes the text of one that is open again.
update ops.transforms set error = 'Removed: an account was purged' where state = 'failed'

-- name: forget_shared_alerts
update ops.alerts
set summary = 'Removed: an account was purged', remedy = 'See docs/runbook.md'
where account_id is null

-- name: core_exists
select to_regclass('hostaway.reservation_guests') is not null

-- name: landed_reservation
select entity_id as id
from landing.reservations
where account_id = %(account_id)s and entity_id = %(guest_id)s::bigint::text

-- name: reservations_of_guest
-- The id may be the present id of the guest, an id that was merged, or the id of any of the reservations.
select links.reservation_id::text as id
from hostaway.reservation_guests as links
where
    links.account_id = %(account_id)s
    and links.guest_id in (
        select guest_id from hostaway.reservation_guests
        where account_id = %(account_id)s and reservation_id = %(guest_id)s
        union
        select %(guest_id)s::bigint
    )

-- name: changed_since_linked
-- Reservations whose link to a guest is older than their landed version, or was made by older rules.
select landed.entity_id as id
from landing.reservations as landed
where
    landed.account_id = %(account_id)s
    and landed.entity_id = any(%(reservations)s)
    and (
        exists (select 1 from ops.loads where loads.load_id = landed.load_id and loads.transformed_at is null)
        or not exists (
            select 1 from pg_catalog.pg_attribute
            where attrelid = 'hostaway.reservation_guests'::regclass and attname = 'name_words' and not attisdropped
        )
    )
order by landed.entity_id::bigint

-- name: conversations_of
select entity_id as id
from landing.conversations
where account_id = %(account_id)s and ops.as_id(payload -> 'reservationId') = any(%(reservations)s::bigint[])

-- name: names_of
-- Also the parts of a name, as Hostaway has them.
select distinct names.name as id
from landing.reservations as landed
cross join lateral (
    values
    (landed.payload ->> 'guestName'),
    (concat_ws(' ', landed.payload ->> 'guestFirstName', landed.payload ->> 'guestLastName'))
) as names (name)
where landed.account_id = %(account_id)s and landed.entity_id = any(%(reservations)s) and btrim(names.name) <> ''

-- name: transcripts_without_reservation
select entity_id as id, payload ->> 'guestName' as guest_name
from landing.transcripts
where
    account_id = %(account_id)s
    and jsonb_typeof(payload -> 'reservationId') = 'null'
    and payload ->> 'guestName' is not null

-- name: transcripts_of_reservations
select entity_id as id
from landing.transcripts
where account_id = %(account_id)s and (payload ->> 'reservationId') = any(%(reservations)s)

-- name: delete_transcripts
delete from landing.transcripts where account_id = %(account_id)s and entity_id = any(%(transcripts)s)

-- name: save_erasure
insert into ops.erasures (account_id, kind, entity_id)
select %(account_id)s, 'reservation', unnest(%(reservations)s::text[])
union all
select %(account_id)s, 'conversation', unnest(%(conversations)s::text[])
union all
select %(account_id)s, 'guest_name', unnest(%(fingerprints)s::text[])
on conflict (account_id, kind, entity_id) do nothing

-- name: forget_quarantined
-- The payload is text that may not be JSON, so it is searched as text. An entry without an id may be of any guest. An entry
-- that was removed in error comes back with the next full sync.
delete from ops.quarantine
where
    account_id = %(account_id)s
    and (
        entity_id is null
        or (resource = 'reservations' and entity_id = any(%(reservations)s))
        or (resource = 'conversations' and entity_id = any(%(conversations)s))
        or payload ~ %(ids)s
        or lower(encode(convert_to(payload, 'UTF8'), 'escape')) ~ %(texts)s
    )

-- name: empty_events
-- A body that could not be read may be of any guest. No body is needed to process its event.
update ops.webhook_events
set body = null
where
    account_id = %(account_id)s
    and body is not null
    and (
        state = 'unreadable'
        or encode(body, 'escape') ~ %(ids)s
        or lower(encode(body, 'escape')) ~ %(texts)s
        or reservation_id = any(%(reservations)s::bigint[])
        or conversation_id = any(%(conversations)s::bigint[])
        or (object like 'reservation%%' and object_id = any(%(reservations)s::bigint[]))
    )

-- name: settle_outbox
-- A message without an answer still has a text, and is not searched for any more.
update ops.outbox
set
    state = 'failed',
    reason = 'the guest was erased before Hostaway answered; it may have sent the message',
    body = '',
    settled_at = clock_timestamp()
where
    account_id = %(account_id)s
    and state in ('sending', 'unknown')
    and (reservation_id = any(%(reservations)s::bigint[]) or conversation_id = any(%(conversations)s::bigint[]))

-- name: core_tables_of_guests
select
    namespaces.nspname as schema,
    tables.relname as name,
    array_agg(columns.attname::text order by columns.attname) as columns
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_namespace as namespaces on tables.relnamespace = namespaces.oid
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
where
    tables.oid in (select relation_id from ops.our_relations)
    and tables.relkind = 'r'
    and columns.attname in ('reservation_id', 'conversation_id', 'guest_id', 'transcript_id')
    and not columns.attisdropped
group by namespaces.nspname, tables.relname

-- name: delete_guest_rows
delete from only {table} where account_id = %(account_id)s and ({belongs})

-- name: free_text_columns
-- Columns of `ops` that may quote a text of others, such as an error. Not the columns that a constraint restricts: those
-- hold words of ours and keys.
select
    tables.relname as name,
    array_agg(columns.attname::text order by columns.attnum) as columns,
    exists (
        select 1 from pg_catalog.pg_attribute as keys
        where keys.attrelid = tables.oid and keys.attname = 'account_id' and not keys.attisdropped
    ) as is_of_accounts
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
where
    tables.relnamespace = 'ops'::regnamespace
    and 'ops.' || tables.relname = any(%(migrated)s::text[])
    and tables.relkind in ('r', 'p')
    and columns.atttypid = 'text'::regtype
    and not columns.attisdropped
    and columns.attname <> 'name'
    and not exists (
        select 1 from pg_catalog.pg_constraint as restricted
        where
            restricted.conrelid = tables.oid
            and restricted.contype in ('p', 'u', 'f', 'c')
            and cardinality(restricted.conkey) > 0
            and columns.attnum = any(restricted.conkey)
            and not (restricted.contype = 'c' and cardinality(restricted.conkey) > 1)
    )
    and not exists (
        select 1 from pg_catalog.pg_index as indexes
        where indexes.indrelid = tables.oid and indexes.indisunique and columns.attnum = any(indexes.indkey)
    )
group by tables.oid, tables.relname

-- name: replace_text
update ops.{table}
set {column} = 'Removed: it named a guest who was erased'
where
    {is_of_account}
    and {column} is not null
    and lower(encode(convert_to({column}, 'UTF8'), 'escape')) ~ %(texts)s

-- name: is_of_account
(account_id = %(account_id)s or account_id is null)

-- name: payloads_of_guest
select payload from landing.reservations
where account_id = %(account_id)s and entity_id = any(%(reservations)s)
union all
select payload from landing.conversations
where account_id = %(account_id)s and entity_id = any(%(conversations)s)

-- name: decisions_exist
select to_regclass('staging.guest_decisions') is not null

-- name: decisions_of_guest
select exists (
    select 1 from staging.guest_decisions
    where
        account_id = %(account_id)s
        and (%(reservations)s::bigint[] is null or reservation_id = any(%(reservations)s::bigint[]))
)

-- name: our_tables
select namespaces.nspname::text as schema, tables.relname::text as name
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_namespace as namespaces on tables.relnamespace = namespaces.oid
where
    tables.relkind in ('r', 'p')
    and (
        namespaces.nspname || '.' || tables.relname = any(%(migrated)s::text[])
        or tables.oid in (select relation_id from ops.our_relations)
    )
order by schema, name

-- name: analyze
analyze {table}

-- name: has_rows
select exists (select 1 from {table})

-- name: forget_statistics
-- ANALYZE keeps the statistics of a table that has become empty, and those of its indexes on expressions.
select pg_clear_attribute_stats(stats.schemaname::text, stats.tablename::text, stats.attname::text, stats.inherited)
from pg_catalog.pg_stats as stats
where
    stats.schemaname = %(schema)s
    and (
        stats.tablename = %(name)s
        or stats.tablename in (
            select indexes.relname
            from pg_catalog.pg_index as links
            inner join pg_catalog.pg_class as indexes on links.indexrelid = indexes.oid
            inner join pg_catalog.pg_class as tables on links.indrelid = tables.oid
            inner join pg_catalog.pg_namespace as namespaces on tables.relnamespace = namespaces.oid
            where namespaces.nspname = %(schema)s and tables.relname = %(name)s
        )
    )
