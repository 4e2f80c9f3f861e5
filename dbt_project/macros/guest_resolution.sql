{#- Kinds of identity: {kind: [its column in reservation_guests, flag column: true if it merges no reservations]}. -#}
{% macro identity_kinds() -%}
    {{ return({
        "channel": ["channel_key", "is_shared_channel"],
        "email": ["email_key", "is_shared_mailbox"],
        "phone": ["phone_key", "is_shared_phone"],
    }) }}
{%- endmacro %}

{#- Kinds that may join reservations under different names. A phone number joins only those under the same name. -#}
{% macro strong_identity_kinds() -%}
    {{ return(["channel", "email"]) }}
{%- endmacro %}

{#- Columns by which the guest of a reservation is recognised. -#}
{% macro evidence_columns() -%}
    {{ return(["channel_key", "email_key", "phone_key", "phone_country", "manual_key", "name_words", "name_key"]) }}
{%- endmacro %}

{#- Whether an earlier transform has linked reservations to guests, and the links are to be kept. -#}
{% macro guests_are_linked() -%}
    {%- if not execute -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(load_relation(source("earlier", "reservation_guests")) is not none and not should_full_refresh()) }}
{%- endmacro %}

{#-
    The level of a name: 3 for two words and more, 2 for a word and an initial, 1 for a word, 0 for none.
-#}
{% macro name_level(words) -%}
    case
        when {{ words }} is null then 0
        when position(' ' in {{ words }}) = 0 then 1
        when {{ words }} ~ ' [a-z]$' then 2
        else 3
    end
{%- endmacro %}

{#-
    Whether so many people use an identity that it merges no reservations; an aggregate over the reservations that use it.
    This finds placeholders that are not in the list of words. People are
    counted by name, and without a name by the other identity. A phone number that is written with two countries belongs to
    several people, too.
-#}
{% macro is_shared_identity(kind) -%}
    {%- set person = {
        "channel": "coalesce(name_key, email_key)",
        "email": "coalesce(name_key, channel_key)",
        "phone": "name_key",
    }[kind] -%}
    count(distinct {{ person }}) > 10
    {%- if kind == "phone" %} or count(distinct phone_country) > 1{% endif %}
{%- endmacro %}
