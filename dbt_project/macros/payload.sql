{#-
    Reading one field of a raw payload. Whatever does not read as the type becomes null: the extractor has put rows with
    such values into quarantine, and one odd value must not stop a transform.

    Numbers may come as digit strings, booleans as 0/1 or true/false, "nothing" as null, '' or an absent key.
-#}

{#- The rows of a landing table with `payload` unpacked once; without it each field read would unpack it again. -#}
{% macro landed(resource) -%}
    (
        select
            landed.account_id,
            landed.entity_id,
            landed.parent_id,
            landed.load_id,
            landed.deleted_at,
            unpacked.payload
        from {{ source("landing", resource) }} as landed
        cross join lateral (select landed.payload || '{}'::jsonb as payload limit all offset 0) as unpacked
    )
{%- endmacro %}

{% macro as_text(key, payload="payload") -%}
    nullif(btrim({{ payload }} ->> '{{ key }}'), '')
{%- endmacro %}

{% macro as_bigint(key, payload="payload") -%}
    {{ text_as_bigint(payload ~ " ->> '" ~ key ~ "'") }}
{%- endmacro %}

{% macro text_as_bigint(value) -%}
    case when {{ value }} ~ '^\s*[+-]?\d{1,18}(\.0*)?\s*$' then trunc(({{ value }})::numeric)::bigint end
{%- endmacro %}

{% macro as_integer(key, payload="payload") -%}
    case
        when {{ payload }} ->> '{{ key }}' ~ '^\s*[+-]?\d{1,9}(\.0*)?\s*$'
            then trunc(({{ payload }} ->> '{{ key }}')::numeric)::integer
    end
{%- endmacro %}

{% macro as_numeric(key, payload="payload") -%}
    case
        when {{ payload }} ->> '{{ key }}' ~ '^\s*[+-]?(\d{1,30}(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?\s*$'
            then ({{ payload }} ->> '{{ key }}')::numeric
    end
{%- endmacro %}

{% macro as_boolean(key, payload="payload") -%}
    case
        when lower(btrim({{ payload }} ->> '{{ key }}')) in ('1', 'true', 'yes') then true
        when lower(btrim({{ payload }} ->> '{{ key }}')) in ('0', 'false', 'no') then false
    end
{%- endmacro %}

{% macro as_date(key, payload="payload") -%}
    {{ text_as_date(payload ~ " ->> '" ~ key ~ "'") }}
{%- endmacro %}

{% macro text_as_date(value) -%}
    case when {{ value }} ~ '^\s*{{ _calendar_date() }}([ T].*)?$' then left(btrim({{ value }}), 10)::date end
{%- endmacro %}

{#- Hostaway sends UTC without saying so; an explicit zone is honoured. -#}
{% macro as_timestamptz(key, payload="payload") -%}
    {%- set value = payload ~ " ->> '" ~ key ~ "'" -%}
    {%- set time = "([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?)" -%}
    case
        when {{ value }} ~ '^\s*{{ _calendar_date() }}{{ time }}?\s*$'
            then ({{ value }})::timestamp at time zone 'UTC'
        when {{ value }} ~ '^\s*{{ _calendar_date() }}{{ time }}(Z|[+-](0\d|1[0-4]):?[0-5]\d)\s*$'
            then ({{ value }})::timestamptz
    end
{%- endmacro %}

{#- A regular expression of the days that exist, 1900 to 2199. A cast to date would fail the whole query on another. -#}
{% macro _calendar_date() -%}
    {%- set days = [
        "(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        "(0[13-9]|1[0-2])-(29|30)",
        "(0[13578]|1[02])-31",
    ] -%}
    ((19|20|21)\d\d-({{ days | join("|") }})|((19|20|21)(0[48]|[2468][048]|[13579][26])|2000)-02-29)
{%- endmacro %}
