-- How values of a payload are read in SQL.

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

create function ops.fields_of(payload jsonb, fields text[]) returns jsonb
language sql immutable parallel safe
as $$
    -- unpacked once, not once per field
    select jsonb_strip_nulls(jsonb_object_agg(field.name, whole.payload -> field.name))
    from (select payload || '{}'::jsonb as payload offset 0) as whole
    cross join unnest(fields) as field (name)
$$;
comment on function ops.fields_of(jsonb, text[]) is 'The fields of a payload that are named and not null';

create function ops.as_day(value text) returns date
language plpgsql immutable strict parallel safe
as $$
begin
    return case when value ~ '^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$' then value::date end;
exception
    when datetime_field_overflow then
        return null;
end
$$;
comment on function ops.as_day(text) is 'A day written YYYY-MM-DD; null for any other text';

create function ops.plain_text(body text) returns text
language plpgsql
immutable
strict
parallel safe
as $$
declare
    plain text := body;
    entity record;
begin
    -- A text with a lone "<3" is no HTML.
    if plain !~* '<(!--|/?(a|b|i|u|p|br|hr|h[1-6]|em|ol|ul|li|td|th|tr|div|img|pre|span|font|body|head|html|meta|style|table|tbody|strong|center|script|blockquote)(\s[^<>]*)?/?>)'
        and plain !~ '&(nbsp|amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});'
    then
        return nullif(btrim(plain, E' \t\n\r'), '');
    end if;
    plain := regexp_replace(plain, '<(script|style|head|title)\y[^>]*>.*?</\1\s*>', '', 'gi');
    plain := regexp_replace(plain, '<!--.*?-->', '', 'g');
    if plain ~* '<(p|br|div|tr|li|table|h[1-6])\y' then
        -- Line breaks of the source say nothing in HTML.
        plain := regexp_replace(plain, '\s+', ' ', 'g');
    end if;
    plain := regexp_replace(plain, '<li\y[^>]*>', E'\n- ', 'gi');
    plain := regexp_replace(plain, '<(br|hr)\y[^>]*>|</?(p|div|tr|table|ul|ol|h[1-6]|blockquote|pre|center)\y[^>]*>', E'\n', 'gi');
    plain := regexp_replace(plain, '</(td|th)\s*>', ' ', 'gi');
    plain := regexp_replace(plain, '</?[a-z][^<>]*>', '', 'gi');
    for entity in
        select distinct found.match[1] as code
        from regexp_matches(plain, '&#(x[0-9a-fA-F]{1,6}|[0-9]{1,7});', 'gi') as found (match)
    loop
        plain := replace(plain, '&#' || entity.code || ';', ops.character_of(entity.code));
    end loop;
    plain := replace(plain, '&nbsp;', ' ');
    plain := replace(plain, '&lt;', '<');
    plain := replace(plain, '&gt;', '>');
    plain := replace(plain, '&quot;', '"');
    plain := replace(plain, '&apos;', '''');
    -- the last one, so that "&amp;lt;" stays "&lt;"
    plain := replace(plain, '&amp;', '&');
    plain := replace(plain, chr(160), ' ');
    plain := regexp_replace(plain, '[ \t]*\n[ \t]*', E'\n', 'g');
    plain := regexp_replace(plain, '\n{3,}', E'\n\n', 'g');
    plain := regexp_replace(plain, '[ \t]{2,}', ' ', 'g');
    return nullif(btrim(plain, E' \t\n\r'), '');
end
$$;
comment on function ops.plain_text(text) is
    'The text of a message without HTML: a line for each block, entities decoded. A text that is no HTML stays; null when nothing is left';

create function ops.character_of(code text) returns text
language plpgsql
immutable
strict
parallel safe
as $$
declare
    code_point bigint := case
        when lower(left(code, 1)) = 'x' then ('x' || lpad(substr(code, 2), 8, '0'))::bit(32)::bigint
        else code::bigint
    end;
begin
    if code_point = 0 or code_point > 1114111 or code_point between 55296 and 57343 then
        return '';
    end if;
    return chr(code_point::integer);
end
$$;
comment on function ops.character_of(text) is
    'The character of a numeric entity of HTML, such as 39 or x27; nothing where there is no such character';

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
