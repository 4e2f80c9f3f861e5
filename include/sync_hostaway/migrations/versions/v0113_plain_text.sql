-- The text of an HTML message.

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
