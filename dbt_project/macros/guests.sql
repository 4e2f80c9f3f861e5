{#- The newest value that is not null, of reservations numbered by `place` from the newest on. -#}
{% macro latest(value) -%}
    (array_agg({{ value }} order by place) filter (where {{ value }} is not null))[1]
{%- endmacro %}

{#- The fields of a reservation's payload that describe its guest. -#}
{% macro fields_of_guest(payload) -%}
    (
        select coalesce(jsonb_object_agg(field.key, field.value), '{}'::jsonb)
        from jsonb_each({{ payload }}) as field (key, value)
        -- most keys fail one of these comparisons, which cost less than a regular expression
        where
            starts_with(field.key, 'guest') and field.key ~ '^guest[A-Z]'
            or field.key = 'phone'
            or starts_with(field.key, 'isGuest')
            or starts_with(field.key, 'localeForMessaging')
    )
{%- endmacro %}
