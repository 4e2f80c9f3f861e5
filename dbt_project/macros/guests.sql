{#- A guest's e-mail address as an identity: null unless it is a person's own. -#}
{% macro real_email(value) -%}
    case
        when
            lower(btrim({{ value }})) ~ '^[^@\s,;]+@[^@\s,;]+\.[a-z]{2,}$'
            and lower(btrim({{ value }})) !~ '@([^@]+\.)?({{ relay_domains() | join("|") }})$'
            and lower(btrim({{ value }})) !~ '@(guest|guests|reply|relay|proxy|messages?|messaging)\.'
            and lower(btrim({{ value }})) !~ '^(no|do-?not|donot)[-_.]?reply'
            then lower(btrim({{ value }}))
    end
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

{#- An address used by more different people than this is a shared mailbox: it merges nobody. -#}
{% macro shared_mailbox_above() -%}
    20
{%- endmacro %}

{#- The newest value that is there, of reservations numbered by `place` from the newest on. -#}
{% macro latest(value) -%}
    (array_agg({{ value }} order by place) filter (where {{ value }} is not null))[1]
{%- endmacro %}
