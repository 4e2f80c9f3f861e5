-- The tables of raw payloads, and when listings were archived.

create table landing.listings (
    account_id        bigint not null,
    entity_id         text collate "C" not null,
    parent_id         bigint,
    payload           jsonb not null,
    payload_hash      bytea not null,
    source_updated_at timestamptz,
    observed_at       timestamptz not null,
    load_id           bigint not null,
    landed_at         timestamptz not null default now(),
    deleted_at        timestamptz,
    suspect_since     timestamptz,
    read_singly       boolean not null default false,
    -- invariant: one current row per entity
    primary key (account_id, entity_id)
);
comment on column landing.listings.entity_id is 'the entity''s id; listing_id:date for calendar days';
comment on column landing.listings.parent_id is 'listing of a calendar day, conversation of a message';
comment on column landing.listings.source_updated_at is 'the source''s own change stamp, where it has one';
comment on column landing.listings.observed_at is 'when the request was sent that brought this version';
comment on column landing.listings.suspect_since is
    'when a later version was refused, because the id of its parent could not be read: see ops.quarantine';
comment on column landing.listings.read_singly is
    'whether the payload holds fields that only a request for this one object shows: a list does not erase them';
create index listings_by_load on landing.listings (load_id);
-- For the retention, which looks for rows that were deleted and not stripped yet: an empty hash marks those that were.
-- Nearly all rows are not in this index, so it costs little.
create index listings_deleted on landing.listings (deleted_at) where deleted_at is not null and payload_hash <> '';

create table landing.reservations (like landing.listings including all);
create table landing.conversations (like landing.listings including all);
create table landing.messages (like landing.listings including all);
create table landing.calendar_days (like landing.listings including all);
create table landing.reviews (like landing.listings including all);
create table landing.tasks (like landing.listings including all);
create table landing.users (like landing.listings including all);
create table landing.coupons (like landing.listings including all);

-- The money of an account. Hostaway has these lists only where the account has the feature; where it refuses one, the
-- resource has the status `refused`, and its table stays empty.
create table landing.reservation_finance (like landing.listings including all);
comment on table landing.reservation_finance is
    'finance fields by reservation: a row of the consolidated report by the names of its columns, or the standard fields. entity_id is the reservation';
create table landing.expenses (like landing.listings including all);
create table landing.owner_statements (like landing.listings including all);
create table landing.guest_charges (like landing.listings including all);
create table landing.tax_settings (like landing.listings including all);
create table landing.reservation_logs (like landing.listings including all);
comment on table landing.reservation_logs is
    'entries of the logs of reservations, read on request. entity_id is the source and the id, parent_id the reservation';

-- Conversations that another system kept as text files. A person imports them; no sync reads them.
create table landing.transcripts (like landing.listings including all);
comment on table landing.transcripts is
    'Transcripts of conversations as `sync-hostaway import-transcripts` read them. One row per account and file';
comment on column landing.transcripts.entity_id is
    'from the listing folder and the name of the file: a second import of a file meets its row';

create index messages_by_parent on landing.messages (account_id, parent_id);
create index calendar_days_by_parent on landing.calendar_days (account_id, parent_id);

-- Which calendars are due: those of the listings whose reservations landed since they were read
create index reservations_by_landing on landing.reservations (account_id, landed_at);

---------------------------------------------------------------------- archived listings

create table ops.listing_archives (
    account_id  bigint not null,
    listing_id  text not null,
    archived_at timestamptz not null,
    restored_at timestamptz,
    primary key (account_id, listing_id, archived_at)
);
comment on table ops.listing_archives is
    'When listings were archived: Hostaway only has the present state. A separate table, so that a full refresh of the core tables keeps it';
comment on column ops.listing_archives.listing_id is 'entity_id of landing.listings';
comment on column ops.listing_archives.archived_at is
    'when it was first seen archived; -infinity when it has never been seen otherwise';
comment on column ops.listing_archives.restored_at is 'when it was seen in use again; null while it is archived';

create function ops.is_archived(listing jsonb) returns boolean
language sql
immutable
parallel safe
return coalesce(lower(btrim(listing ->> 'specialStatus') collate "C") = 'archived', false);
comment on function ops.is_archived(jsonb) is 'Whether a listing is archived, from its payload';

-- Here, because all that land listings have to do it, and only here is the row as it was before.
create function ops.note_archived_listing() returns trigger
language plpgsql
as $$
begin
    if not ops.is_archived(new.payload) then
        update ops.listing_archives
        set restored_at = clock_timestamp()
        where account_id = new.account_id and listing_id = new.entity_id and restored_at is null;
    elsif tg_op = 'INSERT' then
        insert into ops.listing_archives (account_id, listing_id, archived_at)
        values (new.account_id, new.entity_id, '-infinity')
        on conflict do nothing;
    elsif not ops.is_archived(old.payload) then
        insert into ops.listing_archives (account_id, listing_id, archived_at)
        values (new.account_id, new.entity_id, clock_timestamp());
    end if;
    return null;
end
$$;

-- invariant: nights before a listing was archived stay what they were
create trigger note_archived_listing
after insert on landing.listings
for each row
when (ops.is_archived(new.payload))
execute function ops.note_archived_listing();

create trigger note_changed_archive
after update of payload on landing.listings
for each row
when (ops.is_archived(old.payload) <> ops.is_archived(new.payload))
execute function ops.note_archived_listing();

---------------------------------------------------------------------- autovacuum

-- By default PostgreSQL looks at a table again when a fifth or a tenth of it has changed. An account is a thousandth of
-- a table of a thousand accounts: it would not be known for weeks.
create function ops.set_autovacuum(p_table regclass) returns void
language plpgsql
as $$
declare
    before constant text := current_setting('lock_timeout');
    missing text;
begin
    select string_agg(format('%s = %s', wanted.name, wanted.value), ', ') into missing
    from pg_class as present
    cross join (
        values
        ('autovacuum_vacuum_scale_factor', '0.02'),
        ('autovacuum_vacuum_insert_scale_factor', '0.05'),
        ('autovacuum_analyze_scale_factor', '0.01')
    ) as wanted (name, value)
    where
        present.oid = p_table
        and pg_has_role(present.relowner, 'usage')
        and not exists (
            select from unnest(present.reloptions) as option (text) where option.text like wanted.name || '=%'
        );
    if missing is not null then
        perform set_config('lock_timeout', '1s', true);
        execute format('alter table %s set (%s)', p_table, missing);
        perform set_config('lock_timeout', before, true);
    end if;
exception when lock_not_available then
    -- A vacuum is at work. The next build of all rows tries again.
    null;
end
$$;
comment on function ops.set_autovacuum(regclass) is
    'Has autovacuum look at a table when 1 or 2 % of it have changed. Values that are set already stay, and so do tables of other owners';

select ops.set_autovacuum(oid) from pg_class where relkind = 'r' and relnamespace = 'landing'::regnamespace;
