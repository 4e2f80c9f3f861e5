-- Landing: the raw payloads, and how values of a payload are read in SQL.

---------------------------------------------------------------------- values

create function ops.as_id(value jsonb) returns bigint
language sql immutable parallel safe
as $$
    -- as `as_id` in hostaway/values.py
    select case jsonb_typeof(value)
        when 'number' then
            case when value::numeric >= 1 and value::numeric < 1e18 and value::numeric % 1 = 0 then value::numeric::bigint end
        when 'string' then
            case
                when value #>> '{}' ~ E'^[ \\t\\n\\r]*[+]?[0-9]{1,18}(\\.0{0,30})?[ \\t\\n\\r]*$'
                    then nullif(trunc(btrim(value #>> '{}', E' \t\n\r')::numeric), 0)::bigint
            end
    end
$$;
comment on function ops.as_id is 'an id as Hostaway writes them (7, "007", 7.0, " 7"), in its one spelling; null when it could be none';

create function ops.as_list(value jsonb) returns jsonb
language sql immutable parallel safe
as $$
    -- as `as_list` in hostaway/values.py
    select case jsonb_typeof(value)
        when 'array' then value
        when 'object' then
            case
                when not jsonb_path_exists(value, '$.keyvalue().key ? (!(@ like_regex "^[0-9]+$"))')
                    then (
                        select coalesce(jsonb_agg(item.value order by item.key::numeric), '[]')
                        from jsonb_each(value) as item
                    )
            end
    end
$$;
comment on function ops.as_list is
    'a list as PHP writes them: an array, or an object whose keys are its places; null when it could be none';

-- Punycode (RFC 3492) of one label, without its prefix; null when it is none.
create function ops.from_punycode(label text) returns text
language plpgsql
immutable
strict
parallel safe
as $$
declare
    -- the parameters of RFC 3492, section 5
    base constant integer := 36;
    largest_code_point constant bigint := 1114111;
    basic text := coalesce(substring(label from '^(.*)-[^-]*$'), '');
    extended text := substring(label from '[^-]*$');
    decoded text[] := regexp_split_to_array(nullif(basic, ''), '');
    code_point bigint := 128;
    place bigint := 0;
    bias bigint := 72;
    before bigint;
    weight bigint;
    step bigint;
    digit bigint;
    threshold bigint;
    delta bigint;
    characters bigint;
    next_character integer := 1;
begin
    if label !~ '^[a-z0-9-]{1,59}$' then
        return null;
    end if;
    decoded := coalesce(decoded, '{}');
    while next_character <= length(extended) loop
        before := place;
        weight := 1;
        step := base;
        loop
            digit := strpos('abcdefghijklmnopqrstuvwxyz0123456789', substr(extended, next_character, 1)) - 1;
            if digit < 0 or next_character > length(extended) then
                return null;
            end if;
            next_character := next_character + 1;
            place := place + digit * weight;
            threshold := least(greatest(step - bias, 1), 26);
            exit when digit < threshold;
            weight := weight * (base - threshold);
            step := step + base;
            -- more than any label of a domain needs
            if place > largest_code_point * 64 or weight > largest_code_point * 64 then
                return null;
            end if;
        end loop;
        characters := cardinality(decoded) + 1;
        delta := (place - before) / (case when before = 0 then 700 else 2 end);
        delta := delta + delta / characters;
        step := 0;
        while delta > 455 loop
            delta := delta / 35;
            step := step + base;
        end loop;
        bias := step + 36 * delta / (delta + 38);
        code_point := code_point + place / characters;
        place := place % characters;
        if code_point > largest_code_point or code_point between 55296 and 57343 then
            return null;
        end if;
        decoded := decoded[:place] || chr(code_point::integer) || decoded[place + 1:];
        place := place + 1;
    end loop;
    return array_to_string(decoded, '');
end
$$;
comment on function ops.from_punycode(text) is
    'The Unicode form of a label of a domain, without the prefix xn--; null when it is none';

create function ops.unicode_domain(domain text) returns text
language sql
immutable
strict
parallel safe
as $$
    select string_agg(
        case
            when label.text like 'xn--%' then coalesce(ops.from_punycode(substr(label.text, 5)), label.text)
            else label.text
        end,
        '.' order by label.place
    )
    from unnest(string_to_array(domain, '.')) with ordinality as label (text, place)
$$;
comment on function ops.unicode_domain(text) is 'A domain in lower case with its internationalised labels in Unicode';

create function ops.time_zone(name text) returns text
language plpgsql
stable
strict
parallel safe
as $$
begin
    perform timestamptz '2026-01-01 00:00:00+00' at time zone name;
    return name;
exception
    when invalid_parameter_value then
        return null;
end
$$;
comment on function ops.time_zone(text) is 'A time zone that PostgreSQL has, unchanged; null for any other text';

---------------------------------------------------------------------- landing

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

create table landing.reservations (like landing.listings including all);
create table landing.conversations (like landing.listings including all);
create table landing.messages (like landing.listings including all);
create table landing.calendar_days (like landing.listings including all);
create table landing.reviews (like landing.listings including all);
create table landing.tasks (like landing.listings including all);
create table landing.users (like landing.listings including all);
create table landing.coupons (like landing.listings including all);

create index messages_by_parent on landing.messages (account_id, parent_id);
create index calendar_days_by_parent on landing.calendar_days (account_id, parent_id);

-- Which calendars are due: those of the listings whose reservations landed since they were read
create index reservations_by_landing on landing.reservations (account_id, landed_at);

---------------------------------------------------------------------- rows that were read singly

create function ops.is_nothing(value jsonb) returns boolean
language sql immutable parallel safe
as $$
    select value is null or value in ('null', '[]', '{}', '""')
$$;
comment on function ops.is_nothing is 'whether a field is missing or empty, in whichever way';

create function ops.fields_kept(
    p_known jsonb, p_listed jsonb, p_same_version boolean, p_single_fields text[], p_filled text[]
) returns jsonb
language sql immutable parallel safe
as $$
    -- A field that has a value here and is empty in a list keeps its value in three cases: the list has the same
    -- version of the object, lists never have the field, or it is an attached list or object that no row of the answer
    -- has.
    select coalesce(jsonb_object_agg(known.key, known.value), '{}')
    from jsonb_each(p_known) as known
    where
        not ops.is_nothing(known.value)
        and ops.is_nothing(p_listed -> known.key)
        and (
            p_same_version
            or known.key = any(p_single_fields)
            or (jsonb_typeof(known.value) in ('array', 'object') and not known.key = any(p_filled))
        )
$$;
comment on function ops.fields_kept is 'the fields of a row that was read singly which a list leaves as they are';

---------------------------------------------------------------------- archived listings

create table ops.listing_archives (
    account_id bigint not null,
    listing_id text not null,
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
