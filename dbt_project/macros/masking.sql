{#-
    A payload without its secrets, for columns that analysts read.

    Values of secret keys become '***', at any depth; nulls and empty strings stay, since they tell nothing. Within
    nested values this works on the text that jsonb prints, in which a quoted name followed by `": ` is always a key:
    inside a string the quote would be escaped. There it masks strings, numbers and booleans; no object or array is known
    to stand under a secret key so deep, and the test no_secret_in_core would show one.

    Custom fields hold whatever the owner put there, door codes above all: only public ones with a harmless name stay.

    :param drop: keys that are left out, such as embedded copies of other objects.
-#}
{% macro masked(payload="payload", drop=[]) -%}
    (
        select
            coalesce(
                jsonb_object_agg(
                    field.key,
                    case
                        when field.value in ('null', '""', '[]', '{}') then field.value
                        when {{ is_secret("field.key") }} then '"***"'
                        when field.key = 'customFieldValues' then {{ masked_custom_fields("field.value") }}
                        when jsonb_typeof(field.value) in ('object', 'array') then {{ masked_text("field.value") }}
                        else field.value
                    end
                ),
                '{}'
            )
        from jsonb_each({{ payload }}{% for key in drop %} - '{{ key }}'{% endfor %}) as field (key, value)
    )
{%- endmacro %}

{% macro masked_text(value) -%}
    case
        -- the expression is dear, and few nested values hold a secret
        when {{ value }}::text ilike any (array['%{{ secret_names() | join("%', '%") }}%'])
            then regexp_replace(
                {{ value }}::text,
                '("{{ secret_keys() }}": )("(?:[^"\\]|\\.)+"|-?[0-9][0-9.eE+-]*|true|false)',
                '\1"***"',
                'gi'
            )::jsonb
        else {{ value }}
    end
{%- endmacro %}

{% macro masked_custom_fields(value) -%}
    (
        select
            jsonb_agg(
                case
                    when
                        custom.field #>> '{customField,isPublic}' in ('1', 'true')
                        and custom.field #>> '{customField,name}' !~* '{{ secret_words() }}'
                        then {{ masked_text("custom.field") }}
                    when jsonb_typeof(custom.field) = 'object'
                        then {{ masked_text("custom.field") }} || '{"value": "***"}'
                    else '"***"'
                end
                order by custom.place
            )
        from
            jsonb_array_elements(
                case when jsonb_typeof({{ value }}) = 'array' then {{ value }} else jsonb_build_array({{ value }}) end
            ) with ordinality as custom (field, place)
    )
{%- endmacro %}

{#- Names of keys whose value is a secret, in the way of `like`: % stands for any letters. Case does not matter. -#}
{% macro secret_names() -%}
    {{ return([
        "doorcode%",
        "doorsecuritycode",
        "keypickup",
        "specialinstruction",
        "guestauthhash",
        "guestportal%",
        "hash",
        "rentalagreementfileurl",
        "hostproxyemail",
        "ccname%",
        "ccnumber%",
        "ccexpiration%",
        "cvc",
        "cvv",
        "stripe%",
        "braintree%",
        "verificationcode",
        "apikey",
        "%password%",
        "%secret%",
        "%token%",
    ]) }}
{%- endmacro %}

{% macro is_secret(key) -%}
    lower({{ key }}) like any (array['{{ secret_names() | join("', '") }}'])
{%- endmacro %}

{#- The same names as a regular expression, to be used without regard to case. -#}
{% macro secret_keys() -%}
    (?:{{ secret_names() | join("|") | replace("%", "\\w*") }})
{%- endmacro %}

{#- Words in the name of a custom field which say that its value lets somebody in. -#}
{% macro secret_words() -%}
    (code|pass|pin|key|lock|wifi|wi-fi|door|gate|alarm|safe|secret|token)
{%- endmacro %}
