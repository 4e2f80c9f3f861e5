-- Superseded versions of objects. `landing.<resource>` keeps the newest payload only; the marts also need what was known
-- on a past day. Only what changes is stored: a row is written when a version is replaced, and holds the version that
-- was replaced. A first sync therefore writes nothing here. Kept in landing, so that a full refresh of the tables that
-- dbt builds keeps it. The fields stored describe no person.

create table landing.reservation_versions (
    account_id    bigint not null,
    entity_id     text collate "C" not null,
    superseded_at timestamptz not null,
    changed_at    timestamptz not null,
    deleted_at    timestamptz,
    facts         jsonb not null,
    primary key (account_id, entity_id, superseded_at)
);
comment on table landing.reservation_versions is
    'Replaced versions of reservations: status, listing, dates, guests, price. One row per version';
comment on column landing.reservation_versions.superseded_at is 'when the next version landed';
comment on column landing.reservation_versions.changed_at is
    'when the next version was made: the time that Hostaway gives, where that is not later than its landing';
comment on column landing.reservation_versions.deleted_at is 'since when the reservation was deleted in this version';

create table landing.listing_versions (
    account_id    bigint not null,
    entity_id     text collate "C" not null,
    superseded_at timestamptz not null,
    changed_at    timestamptz not null,
    deleted_at    timestamptz,
    facts         jsonb not null,
    primary key (account_id, entity_id, superseded_at)
);
comment on table landing.listing_versions is
    'Replaced versions of listings: currency, and whether it was deleted. One row per version';

create table landing.calendar_versions (
    account_id    bigint not null,
    listing_id    bigint not null,
    date          date not null,
    superseded_at timestamptz not null,
    price         jsonb,
    minimum_stay  jsonb,
    is_available  jsonb,
    primary key (account_id, listing_id, date, superseded_at)
);
comment on table landing.calendar_versions is
    'Price, minimum stay and availability of a calendar day before they changed. One row per version that was replaced';

-- Here, because everything that lands rows passes here, and only here both versions are known.
create function ops.keep_superseded_versions() returns trigger
language plpgsql
as $$
begin
    execute format(
        $query$
        insert into landing.%I (account_id, entity_id, superseded_at, changed_at, deleted_at, facts)
        select
            former.account_id,
            former.entity_id,
            clock_timestamp(),
            least(coalesce(latter.source_updated_at, clock_timestamp()), clock_timestamp()),
            former.deleted_at,
            former.facts
        from (select *, ops.fields_of(payload, $1) as facts from former_rows) as former
        inner join (select *, ops.fields_of(payload, $1) as facts from latter_rows) as latter
            on former.account_id = latter.account_id and former.entity_id = latter.entity_id
        where
            former.facts is distinct from latter.facts
            or (former.deleted_at is null) <> (latter.deleted_at is null)
        on conflict do nothing
        $query$,
        tg_argv[0]
    )
    using string_to_array(tg_argv[1], ' ');
    return null;
end
$$;
comment on function ops.keep_superseded_versions() is
    'Stores the versions that an update of a landing table replaces. Arguments: the table to store them in, the fields that count';

create function ops.keep_superseded_days() returns trigger
language plpgsql
as $$
begin
    insert into landing.calendar_versions (
        account_id, listing_id, date, superseded_at, price, minimum_stay, is_available
    )
    select
        former.account_id,
        former.parent_id,
        former.day,
        clock_timestamp(),
        former.payload -> 'price',
        former.payload -> 'minimumStay',
        former.payload -> 'isAvailable'
    from (select *, ops.as_day(split_part(entity_id, ':', 2)) as day from former_rows) as former
    inner join latter_rows as latter on former.account_id = latter.account_id and former.entity_id = latter.entity_id
    where
        former.day is not null
        and former.parent_id is not null
        and (former.payload -> 'price', former.payload -> 'minimumStay', former.payload -> 'isAvailable')
        is distinct from (latter.payload -> 'price', latter.payload -> 'minimumStay', latter.payload -> 'isAvailable')
    on conflict do nothing;
    return null;
end
$$;
comment on function ops.keep_superseded_days() is 'Stores price, minimum stay and availability of days that an update replaces';

-- invariant: what was known on a past day stays known
create trigger keep_superseded_versions
after update on landing.reservations
referencing old table as former_rows new table as latter_rows
for each statement
execute function ops.keep_superseded_versions(
    'reservation_versions',
    'listingMapId channelId status arrivalDate departureDate isDatesUnspecified numberOfGuests adults children infants pets totalPrice taxAmount cleaningFee currency reservationDate cancellationDate'
);

-- invariant: nights that are over keep the currency of their time, and the bookings that were deleted with a listing
create trigger keep_superseded_versions
after update on landing.listings
referencing old table as former_rows new table as latter_rows
for each statement
execute function ops.keep_superseded_versions('listing_versions', 'currencyCode');

-- invariant: what was known on a past day stays known
create trigger keep_superseded_versions
after update on landing.calendar_days
referencing old table as former_rows new table as latter_rows
for each statement
execute function ops.keep_superseded_days();

select ops.set_autovacuum(large.name)
from unnest(
    array['landing.reservation_versions', 'landing.listing_versions', 'landing.calendar_versions']::regclass[]
) as large (name);
