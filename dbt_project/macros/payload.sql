{#-
    Reading one field of a raw payload. A value that cannot be read as the type becomes null, so that one odd value does not remove a row or stop a transform. When the row landed, a warning in ops.quarantine named the field and the value.

    Numbers may come as digit strings, booleans as 0/1, true/false or a word, lists as arrays or as objects whose keys are
    their places, "nothing" as null, '' or a missing key. Patterns
    name the blanks and digits they accept: \s and \d stand for all those of Unicode, which no cast takes.
-#}

{#- The rows of a landing table with `payload` unpacked once; without it each field read would unpack it again. -#}
{% macro landed(resource) -%}
    (
        select
            landed.account_id,
            landed.entity_id,
            landed.parent_id,
            landed.load_id,
            landed.landed_at,
            landed.deleted_at,
            landed.suspect_since,
            unpacked.payload
        from {{ source("landing", resource) }} as landed
        cross join lateral (select landed.payload || '{}'::jsonb as payload limit all offset 0) as unpacked
    )
{%- endmacro %}

{#- Without surrounding blanks. -#}
{% macro stripped(value) -%}
    btrim({{ value }}, E' \t\n\r')
{%- endmacro %}

{#- An object or a list in place of a text is not a text. -#}
{% macro as_text(key, payload="payload") -%}
    case jsonb_typeof({{ payload }} -> '{{ key }}')
        when 'string' then nullif({{ stripped(payload ~ " ->> '" ~ key ~ "'") }}, '')
        when 'number' then {{ payload }} ->> '{{ key }}'
        when 'boolean' then {{ payload }} ->> '{{ key }}'
    end
{%- endmacro %}

{% macro as_bigint(key, payload="payload") -%}
    {{ _as_whole_number(key, payload, 18, "bigint") }}
{%- endmacro %}

{% macro as_integer(key, payload="payload") -%}
    {{ _as_whole_number(key, payload, 9, "integer") }}
{%- endmacro %}

{% macro text_as_bigint(value) -%}
    case
        when {{ value }} ~ '{{ _whole_number(18) }}' then trunc({{ stripped(value) }}::numeric)::bigint
    end
{%- endmacro %}

{#- Most numbers are JSON numbers, which need no pattern. -#}
{% macro _as_whole_number(key, payload, digits, type) -%}
    {%- set number = "(" ~ payload ~ " -> '" ~ key ~ "')::numeric" -%}
    {%- set text = payload ~ " ->> '" ~ key ~ "'" -%}
    case jsonb_typeof({{ payload }} -> '{{ key }}')
        when 'number'
            then case when abs({{ number }}) < 1e{{ digits }} and {{ number }} % 1 = 0 then {{ number }}::{{ type }} end
        when 'string'
            then case when {{ text }} ~ '{{ _whole_number(digits) }}' then trunc({{ stripped(text) }}::numeric)::{{ type }} end
    end
{%- endmacro %}

{% macro as_numeric(key, payload="payload") -%}
    {%- set number = "(" ~ payload ~ " -> '" ~ key ~ "')::numeric" -%}
    {%- set text = payload ~ " ->> '" ~ key ~ "'" -%}
    case jsonb_typeof({{ payload }} -> '{{ key }}')
        when 'number' then case when abs({{ number }}) < 1e30 and scale({{ number }}) <= 30 then {{ number }} end
        when 'string' then {{ text_as_numeric(text) }}
    end
{%- endmacro %}

{% macro text_as_numeric(value) -%}
    case
        when
            {{ value }} ~ '^[ \t\n\r]*[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?[ \t\n\r]*$'
            then {{ stripped(value) }}::numeric
    end
{%- endmacro %}

{% macro as_boolean(key, payload="payload") -%}
    case lower({{ stripped(payload ~ " ->> '" ~ key ~ "'") }})
        when '1' then true
        when '0' then false
        when 'true' then true
        when 'false' then false
        when 'yes' then true
        when 'no' then false
        when 'on' then true
        when 'off' then false
    end
{%- endmacro %}

{% macro as_date(key, payload="payload") -%}
    {{ text_as_date(payload ~ " ->> '" ~ key ~ "'") }}
{%- endmacro %}

{% macro text_as_date(value) -%}
    case when {{ value }} ~ '^[ \t\n\r]*{{ _calendar_date() }}([ T\t\n\r].*)?$' then left({{ stripped(value) }}, 10)::date end
{%- endmacro %}

{#- Hostaway sends UTC without a zone; an explicit zone is used. -#}
{% macro as_timestamptz(key, payload="payload") -%}
    {%- set value = payload ~ " ->> '" ~ key ~ "'" -%}
    case
        when {{ value }} ~ '^[ \t\n\r]*{{ _calendar_date() }}{{ _time() }}?[ \t\n\r]*$'
            then {{ stripped(value) }}::timestamp at time zone 'UTC'
        when {{ value }} ~ '^[ \t\n\r]*{{ _calendar_date() }}{{ _time() }}(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])[ \t\n\r]*$'
            then {{ stripped(value) }}::timestamptz
    end
{%- endmacro %}

{#- The same without a zone: local time of the listing. -#}
{% macro as_timestamp(key, payload="payload") -%}
    {%- set value = payload ~ " ->> '" ~ key ~ "'" -%}
    case
        when {{ value }} ~ '^[ \t\n\r]*{{ _calendar_date() }}{{ _time() }}?[ \t\n\r]*$' then {{ stripped(value) }}::timestamp
    end
{%- endmacro %}

{#-
    A list as an array. PHP writes one with gaps as an object whose keys are the positions, and an empty one as an empty object.
-#}
{% macro as_list(value) -%}
    case jsonb_typeof({{ value }}) when 'array' then {{ value }} when 'object' then ops.as_list({{ value }}) end
{%- endmacro %}

{#- The elements of a list. -#}
{% macro as_texts(key, payload="payload") -%}
    {{ _elements(key, payload, "element.value") }}
{%- endmacro %}

{% macro as_bigints(key, payload="payload") -%}
    {{ _elements(key, payload, text_as_bigint("element.value")) }}
{%- endmacro %}

{% macro _elements(key, payload, value) -%}
    (
        select array_agg({{ value }} order by element.place) filter (where {{ value }} is not null)
        from (select {{ payload }} -> '{{ key }}' as list limit all offset 0) as found
        cross join lateral jsonb_array_elements_text(
            {{ as_list("found.list") }}
        ) with ordinality as element (value, place)
    )
{%- endmacro %}

{% macro _whole_number(digits) -%}
    ^[ \t\n\r]*[+-]?[0-9]{1,{{ digits }}}(\.0{0,30})?[ \t\n\r]*$
{%- endmacro %}

{% macro _time() -%}
    ([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)
{%- endmacro %}

{#- A regular expression of the days that exist, 1900 to 2199. A cast to date would fail the whole query on another. -#}
{% macro _calendar_date() -%}
    {%- set days = [
        "(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        "(0[13-9]|1[0-2])-(29|30)",
        "(0[13578]|1[02])-31",
    ] -%}
    ((19|20|21)[0-9][0-9]-({{ days | join("|") }})|((19|20|21)(0[48]|[2468][048]|[13579][26])|2000)-02-29)
{%- endmacro %}
