{#-
    A guest's e-mail address as an identity: null unless it is a person's own. No mailbox has a longer name than 254
    characters, and an index entry must not be longer than a third of a page.
-#}
{% macro real_email(value) -%}
    case
        when
            char_length({{ stripped(value) }}) <= 254
            and lower({{ stripped(value) }}) ~ '^[^@\s,;]+@[^@\s,;]+\.[a-z]{2,}$'
            and lower({{ stripped(value) }}) !~ '@([^@]+\.)?({{ relay_domains() | join("|") }})$'
            and lower({{ stripped(value) }}) !~ '@(guest|guests|reply|relay|proxy|messages?|messaging)\.'
            and lower({{ stripped(value) }}) !~ '^(no|do-?not|donot)[-_.]?reply'
            then lower({{ stripped(value) }})
    end
{%- endmacro %}

{#- A text that may be an identity: longer ones are none. -#}
{% macro identity(value) -%}
    case when char_length({{ value }}) <= 255 then {{ value }} end
{%- endmacro %}

{#- Domains, with their subdomains, whose addresses stand for one booking and not for a person. -#}
{% macro relay_domains() -%}
    {{ return([
        "airbnb\\.[a-z.]+",
        "booking\\.com",
        "expediapartnercentral\\.com",
        "expedia\\.com",
        "homeaway\\.[a-z.]+",
        "vrbo\\.com",
        "abritel\\.fr",
        "fewo-direkt\\.de",
        "tripadvisor\\.[a-z.]+",
        "flipkey\\.com",
        "agoda\\.com",
        "agoda-messaging\\.com",
        "trip\\.com",
        "hostaway\\.[a-z.]+",
        "hostawaymail\\.com",
    ]) }}
{%- endmacro %}

{#-
    Whether an identity is that of several people, and so merges nobody; an aggregate over the reservations that use it.

    A guest id of a channel may be a placeholder: then very many use it. An address may be that of an agency, an office, or
    somebody who books for others: more than a family uses it, or two guests of one channel, under different names.
-#}
{% macro is_of_many(kind) -%}
    {%- if kind == "channel" -%}
    count(distinct coalesce(email_key, 'name:' || name_key)) > 20
    {%- else -%}
    count(distinct person_key) > 3
        or (
            count(distinct channel_key) > 1
            and count(distinct name_key) > 1
            and exists (
                select 1
                from unnest(array_agg(channel_key), array_agg(name_key)) as users (channel_key, name_key)
                group by split_part(users.channel_key, ':', 1)
                having count(distinct users.channel_key) > 1 and count(distinct users.name_key) > 1
            )
        )
    {%- endif -%}
{%- endmacro %}

{#- The newest value that is there, of reservations numbered by `place` from the newest on. -#}
{% macro latest(value) -%}
    (array_agg({{ value }} order by place) filter (where {{ value }} is not null))[1]
{%- endmacro %}
