{#- Of each kind of identity: its column in guest_links, and the column that says it merges nobody. -#}
{% macro identity_kinds() -%}
    {{ return({
        "channel": ["channel_key", "is_shared_channel"],
        "email": ["email_key", "is_shared_mailbox"],
        "phone": ["phone_key", "is_shared_phone"],
    }) }}
{%- endmacro %}

{#- Columns of guest_links by which it resolves guests. -#}
{% macro evidence_columns() -%}
    {{ return(["channel_key", "email_key", "phone_key", "name_words", "name_key"]) }}
{%- endmacro %}

{#-
    How much a name says: 3 for two words and more, 2 for a word and an initial, 1 for a word, 0 for none.
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
    A table of an older version lacks columns that the model reads of itself. Nothing is locked where nothing is lacking.
-#}
{% macro with_evidence_columns() -%}
    do $$
    begin
        if
            to_regclass('{{ this }}') is not null
            and not exists (
                select 1 from pg_attribute
                where attrelid = to_regclass('{{ this }}') and attname = 'name_words' and not attisdropped
            )
        then
            alter table {{ this }}
                add column if not exists phone_key text,
                add column if not exists name_words text,
                add column if not exists name_key text,
                add column if not exists is_shared_channel boolean default false,
                add column if not exists is_shared_phone boolean default false;
        end if;
    end
    $$
{%- endmacro %}
