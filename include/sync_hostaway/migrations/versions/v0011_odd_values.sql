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

---------------------------------------------------------------------- landing

do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'listings', 'reservations', 'conversations', 'messages', 'calendar_days', 'reviews', 'tasks', 'users', 'coupons'
    ] loop
        execute format('alter table landing.%s add column suspect_since timestamptz', v_table);
        execute format(
            'comment on column landing.%s.suspect_since is %L', v_table,
            'when a later version was refused, because the id of its parent could not be read: see ops.quarantine'
        );
        execute format('alter table landing.%s add column read_singly boolean not null default false', v_table);
        execute format(
            'comment on column landing.%s.read_singly is %L', v_table,
            'whether the payload holds fields that only a request for this one object shows: a list does not erase them'
        );
    end loop;
end $$;

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
    -- A field that is filled here and empty in a list was not emptied where the list tells of the same version of the
    -- object, where lists never show the field, and where it is an attached list or object that the answer shows of no
    -- row at all: then the answer is a lean one.
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

---------------------------------------------------------------------- ids

create or replace function ops.note_left_calendar() returns trigger
language plpgsql
as $$
begin
    update ops.calendars
    set left_at = clock_timestamp()
    where account_id = old.account_id and listing_id = ops.as_id(old.payload -> 'listingMapId');
    return null;
end
$$;

drop trigger note_left_calendar on landing.reservations;
-- invariant: nights that a reservation gives back with its listing are read again
create trigger note_left_calendar
after update of payload on landing.reservations
for each row
when (ops.as_id(old.payload -> 'listingMapId') is distinct from ops.as_id(new.payload -> 'listingMapId'))
execute function ops.note_left_calendar();

---------------------------------------------------------------------- sync log

alter table ops.sync_runs
    add column rows_odd bigint not null default 0,
    add column note text,
    drop constraint sync_runs_verdict_check,
    add constraint sync_runs_verdict_check check (
        verdict in ('running', 'complete', 'repaired', 'incomplete', 'failed', 'refused')
    );
comment on column ops.sync_runs.rows_odd is 'rows that landed with a value that could not be read; ops.quarantine names it';
comment on column ops.sync_runs.note is 'what is to be known of a run that did not fail: refused rows, odd values';
comment on column ops.sync_runs.verdict is
    'refused: Hostaway does not give this list to this account, and gives others; no failure, asked again daily';

comment on column ops.quarantine.severity is
    'rejected: the row is only here. accepted: the row also landed, without the values that the reason names';
