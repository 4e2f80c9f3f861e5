{#-
    A payload without its secrets, for columns that analysts read.

    Values of secret keys become '***', whatever they are and at any depth; nulls and what is empty stay, since they tell
    nothing. How a key is spelled does not matter: "Wi-Fi password" is wifipassword.

    Most payloads hold no secret but the few Hostaway is known to send. These are taken out by name, and one regular
    expression over the text of the rest tells whether anything is left to look for. It is the dear part: resources of
    many rows name their plain keys, and have it look at what is not plain alone.

    Custom fields hold whatever the owner put there, door codes above all: only public ones with a harmless name stay.

    :param drop: keys that are left out, such as embedded copies of other objects.
    :param plain: keys that are no secret, and need a look only if some key holds an object or a list.
-#}
{% macro masked(payload="payload", drop=[], plain=[]) -%}
    {%- set known = known_secrets() + ["customFieldValues"] -%}
    (
        select
            {{ masked_deep("rest.document", plain) }} || case
                when {{ payload }} ?| array['{{ known | join("', '") }}']
                    then (
                        select
                            jsonb_object_agg(
                                field.key,
                                case
                                    when field.value in ('null', '""', '[]', '{}') then field.value
                                    when field.key = 'customFieldValues' then {{ masked_custom_fields("field.value") }}
                                    else '"***"'
                                end
                            )
                        from (
                            select name.key, {{ payload }} -> name.key as value
                            from unnest(array['{{ known | join("', '") }}']) as name (key)
                            where {{ payload }} ? name.key
                        ) as field
                    )
                else '{}'::jsonb
            end
        from (
            select {{ payload }} - array['{{ (known + drop) | join("', '") }}'] as document limit all offset 0
        ) as rest
    )
{%- endmacro %}

{#- The value with all that stands under a secret key replaced. -#}
{% macro masked_deep(value, plain=[]) -%}
    (
        select
            case
                when looked_at.text = '{}[]' then {{ value }}
                when
                    looked_at.text ~* '{{ _secret_in_text() }}'
                    or (looked_at.text like '%\\%' and looked_at.text ~ '\\[bfnrtu](?:\\.|[^"\\])*":[ ]')
                    then {{ _rewritten(value) }}
                else {{ value }}
            end
        from (
            select
                {%- if plain %}
                ({{ value }} - array['{{ plain | join("', '") }}'])::text
                || jsonb_path_query_array(
                    {{ value }}, '$.* ? (@.type() == "object" || @.type() == "array" && @.size() > 0)'
                )::text
                {%- else %}
                {{ value }}::text
                {%- endif %} as text
            limit all offset 0
        ) as looked_at
    )
{%- endmacro %}

{% macro _rewritten(value) -%}
    (
        with recursive

        places (path, value, is_secret) as (
            select '{}'::text[] as path, {{ value }} as value, false as is_secret
            union all
            select places.path || member.key, member.value, member.is_secret
            from places
            cross join lateral (
                select field.key, field.value, {{ is_secret("field.key", nested=true) }} as is_secret
                from jsonb_each(
                    case when jsonb_typeof(places.value) = 'object' then places.value end
                ) as field (key, value)
                union all
                select (item.place - 1)::text as key, item.value, false as is_secret
                from jsonb_array_elements(
                    case when jsonb_typeof(places.value) = 'array' then places.value end
                ) with ordinality as item (value, place)
            ) as member
            where
                not places.is_secret
                and (member.is_secret or jsonb_typeof(member.value) in ('object', 'array'))
        ),

        secrets as materialized (
            select places.path, row_number() over () as turn
            from places
            where places.is_secret and places.value not in ('null', '""', '[]', '{}')
        ),

        documents (turn, document) as (
            select 0::bigint as turn, {{ value }} as document
            union all
            select secrets.turn, jsonb_set(documents.document, secrets.path, '"***"', false)
            from documents
            inner join secrets on documents.turn + 1 = secrets.turn
        )

        select documents.document
        from documents
        order by documents.turn desc
        limit 1
    )
{%- endmacro %}

{% macro masked_custom_fields(value) -%}
    (
        select
            jsonb_agg(
                case
                    when jsonb_typeof(custom.field) = 'object'
                        then {{ masked_deep("custom.field") }} || case
                            when
                                custom.field #>> '{customField,isPublic}' in ('1', 'true')
                                and custom.field #>> '{customField,name}' !~* '{{ secret_words() }}'
                                then '{}'::jsonb
                            else '{"value": "***"}'
                        end
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

{#- Names of keys whose value is a secret: letters and digits alone, in lower case; % stands for any others. -#}
{% macro secret_names() -%}
    {{ return([
        "%doorcode%",
        "%securitycode%",
        "%accesscode%",
        "%passcode%",
        "keypickup",
        "specialinstruction%",
        "%authhash",
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
        "%apikey%",
        "%password%",
        "%secret%",
        "%token%",
    ]) }}
{%- endmacro %}

{#- Those among them that Hostaway is known to send, as it spells them: looked up by name in each payload. -#}
{% macro known_secrets() -%}
    {{ return([
        "doorCode",
        "doorCodeVendor",
        "doorCodeInstruction",
        "doorSecurityCode",
        "keyPickup",
        "specialInstruction",
        "wifiPassword",
        "guestAuthHash",
        "guestPortalUrl",
        "guestPortalRevampUrl",
        "hash",
        "rentalAgreementFileUrl",
        "hostProxyEmail",
        "ccName",
        "ccNumber",
        "ccNumberEndingDigits",
        "ccExpirationMonth",
        "ccExpirationYear",
        "cvc",
        "stripeGuestId",
        "stripeMessage",
        "braintreeGuestId",
        "braintreeMessage",
    ]) }}
{%- endmacro %}

{#- :param nested: with custom fields, which are looked into at the top of a payload alone. -#}
{% macro is_secret(key, nested=false) -%}
    {%- set names = secret_names() + (["%customfieldvalue%"] if nested else []) -%}
    lower(regexp_replace({{ key }}, '[^a-zA-Z0-9]', '', 'g')) like any (array['{{ names | join("', '") }}'])
{%- endmacro %}

{#-
    A regular expression that finds the text of a jsonb in which some key may be secret, to be used without regard to
    case: the letters of a name with anything but letters and digits between them, in a quoted name followed by `": `.
    jsonb prints keys so, and inside a string the quote is escaped. A key with an escaped letter is suspicious as such.
-#}
{% macro _secret_in_text() -%}
    {%- set names = [] -%}
    {%- for name in secret_names() + ["customfieldvalue"] -%}
        {%- do names.append(name.replace("%", "") | list | join("[^a-z0-9]*")) -%}
    {%- endfor -%}
    (?:{{ names | join("|") }})(?:\\.|[^"\\])*":[ ]
{%- endmacro %}

{#- Words in the name of a custom field which say that its value lets somebody in. -#}
{% macro secret_words() -%}
    (code|pass|pin|key|lock|wifi|wi-fi|door|gate|alarm|safe|secret|token)
{%- endmacro %}
