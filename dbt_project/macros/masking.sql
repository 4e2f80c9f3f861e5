{#-
    A payload without its secrets, for columns that analysts read.

    Values of secret keys become '***', for every type of value and at any depth; nulls and empty values stay. The spelling of a key does not matter: "Wi-Fi password" is wifipassword. A string that is JSON with such a key
    becomes '***' as a whole.

    Most payloads contain only the secret fields that Hostaway is known to send. These are masked by name. Regular
    expressions then find out whether another key must be masked. They are the expensive part, so they read only the keys
    that are not among the known fields of the resource (`known_fields`, `nested_fields`), and whole objects at places where
    Hostaway is not known to send objects.

    Custom fields may contain any text of the owner, often door codes: only public ones with a harmless
    name stay.

    :param resource: the resource of the payload.
    :param part: the key of the objects in it, if the payload is one of these.
    :param drop: keys that are left out, such as embedded copies of other objects.
-#}
{% macro masked(resource, part=none, drop=[]) -%}
    {%- set known = known_secrets() + ["customFieldValues"] -%}
    {%- set nested = {} if part else nested_fields().get(resource, {}) -%}
    {%- set fields = nested_fields()[resource][part] if part else known_fields().get(resource, []) -%}
    {%- set parts = [] -%}
    {%- for key in nested if "." not in key and key not in drop and "customfieldvalue" not in key.lower() -%}
        {%- do parts.append(key) -%}
    {%- endfor -%}
    {%- set plain = plain_fields(fields) -%}
    {%- for key in parts -%}
        {%- do plain.extend(plain_fields(nested[key])) -%}
    {%- endfor -%}
    (
        select
            case
                when exists (
                    select
                    from (
                        select
                            masking.flat::text as text,
                            ({{ without("masking.rest", known) }})::text as other_keys
                        {%- for key in parts %}
                        union all
                        select element.value::text as text, element.other_keys::text
                        from ({{ _checked_elements("masking.document -> '" ~ key ~ "'", nested[key]) }}) as element
                        {%- endfor %}
                    ) as checked
                    where
                        checked.other_keys <> '{}' and {{ _may_have_secret_key("checked.other_keys") }}
                        -- an object at an unknown place
                        or checked.text like '_%{"%' and {{ _may_have_secret_key("checked.text") }}
                        or {{ _has_json_text("checked.text") }}
                )
                    then {{ _rewritten("masking.document", plain) }}
                else masking.document
            end || coalesce(
                (
                    select
                        jsonb_object_agg(
                            field.key,
                            case
                                when field.key = 'customFieldValues' then {{ masked_custom_fields("field.value") }}
                                else '"***"'
                            end
                        )
                    from jsonb_each(masking.rest) as field (key, value)
                    where
                        field.key = any({{ _texts(known) }})
                        and field.value not in ('null', '""', '[]', '{}')
                ),
                '{}'
            )
        from (
            select
                {{ without("payload", drop) }} as document,
                {{ without("payload", drop + parts + known) }} as flat,
                {{ without("payload", drop + parts + plain_fields(fields)) }} as rest
            limit all offset 0
        ) as masking
    )
{%- endmacro %}

{#- Those of the known fields whose names are not secret. tests/integration/transforms/test_masking.py checks the names. -#}
{% macro plain_fields(fields) -%}
    {%- set plain = [] -%}
    {%- for field in fields if field not in known_secrets() and "customfieldvalue" not in field.lower() -%}
        {%- do plain.append(field) -%}
    {%- endfor -%}
    {{ return(plain) }}
{%- endmacro %}

{#- An object without some of its keys. -#}
{% macro without(value, keys) -%}
    {{ value }}{% if keys %} - {{ _texts(keys) }}{% endif %}
{%- endmacro %}

{% macro _texts(texts) -%}
    array['{{ texts | join("', '") }}']
{%- endmacro %}

{#- The objects of a list, or the only object, and their keys that are not plain. -#}
{% macro _checked_elements(value, fields) -%}
    select
        element.value,
        case
            when jsonb_typeof(element.value) = 'object' then {{ without("element.value", plain_fields(fields)) }}
            else element.value
        end as other_keys
    from jsonb_array_elements(
        case jsonb_typeof({{ value }})
            when 'array' then {{ value }}
            when 'object' then jsonb_build_array({{ value }})
            when 'string' then jsonb_build_array({{ value }})
        end
    ) as element (value)
{%- endmacro %}

{#- The value, with every value of a secret key replaced. -#}
{% macro masked_deep(value) -%}
    (
        select
            case
                when {{ _may_have_secret_key("checked.text") }} or {{ _has_json_text("checked.text") }}
                    then {{ _rewritten("checked.value") }}
                else checked.value
            end
        from (select {{ value }} as value, ({{ value }})::text as text limit all offset 0) as checked
    )
{%- endmacro %}

{#- Whether some key in the text of a jsonb may be secret, at any depth. -#}
{% macro _may_have_secret_key(text) -%}
    (
        {{ text }} ~* '{{ _secret_in_text() }}'
        -- only the case may show where a word ends
        or {{ text }} ~ '(?:[pP]in|PIN)(?![a-z])(?:\\.|[^"\\])*":[ ]'
        or ({{ text }} like '%\\%' and {{ text }} ~ '\\[bfnrtu](?:\\.|[^"\\])*":[ ]')
    )
{%- endmacro %}

{#- :param plain: keys that are not secret, which need no regular expression: most keys are among them. -#}
{% macro _rewritten(value, plain=[]) -%}
    (
        with recursive

        places (path, value, is_secret) as (
            select '{}'::text[] as path, {{ value }} as value, false as is_secret
            union all
            select places.path || member.key, member.value, member.is_secret
            from places
            cross join lateral (
                select
                    field.key,
                    field.value,
                    {% if plain %}field.key <> all({{ _texts(plain | unique) }}) and {% endif %}
                    {{- is_secret("field.key", nested=true) }} or {{ _is_secret_text("field.value") }} as is_secret
                from jsonb_each(
                    case when jsonb_typeof(places.value) = 'object' then places.value end
                ) as field (key, value)
                union all
                select (item.place - 1)::text as key, item.value, {{ _is_secret_text("item.value") }} as is_secret
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

{#- Whether some string in the text of a jsonb may be JSON itself: with an escaped quote and a colon after it. -#}
{% macro _has_json_text(text) -%}
    ({{ text }} like '%\\"%' and {{ text }} ~ '\\"(?:[ ]|\\+[nrt])*:')
{%- endmacro %}

{#-
    Whether a string is a JSON object or list with a secret key, however often that is encoded. Such a string is replaced
    as a whole: it need not be valid to its end. A key with an escaped letter counts as secret. A sentence that quotes JSON is a sentence and stays.
-#}
{% macro _is_secret_text(value) -%}
    (
        jsonb_typeof({{ value }}) = 'string'
        and {{ _has_json_text(value ~ "::text") }}
        and {{ value }}::text ~ '^"(?:[ ]|\\+[nrt]|\\+")*[{\[]'
        and exists (
            select
            from regexp_matches(
                {{ value }}::text, '([^"\\]+|\\+u[0-9a-fA-F]{4}[^"\\]*)\\+"(?:[ ]|\\+[nrt])*:', 'g'
            ) as found (match)
            where found.match[1] like '\\%' or {{ is_secret("found.match[1]", nested=true) }}
        )
    )
{%- endmacro %}

{% macro masked_custom_fields(value) -%}
    (
        select
            jsonb_agg(
                case
                    when jsonb_typeof(custom.field) <> 'object' then '"***"'
                    when
                        custom.field #>> '{customField,isPublic}' in ('1', 'true')
                        and not {{ is_secret_field("custom.field #>> '{customField,name}'") }}
                        then custom.field
                    else (
                        -- all other keys in which a field may hold its value
                        select
                            jsonb_object_agg(
                                part.key,
                                case
                                    when part.key in ('customField', 'id', 'customFieldId', 'objectId') then part.value
                                    else '"***"'
                                end
                            )
                        from jsonb_each(custom.field || '{"value": "***"}') as part (key, value)
                    )
                end
                order by custom.place
            )
        from (select {{ masked_deep(value) }} as fields limit all offset 0) as masked
        cross join lateral jsonb_array_elements(
            case
                when jsonb_typeof(masked.fields) = 'array' then masked.fields
                -- a list with gaps, as PHP encodes it
                when jsonb_typeof(masked.fields) = 'object' and not masked.fields ?| array['value', 'customField']
                    then jsonb_path_query_array(masked.fields, '$.*')
                else jsonb_build_array(masked.fields)
            end
        ) with ordinality as custom (field, place)
    )
{%- endmacro %}

{#-
    The value of one custom field, for a column: masked if its name shows that it opens something, and in fields that are
    not public in Hostaway unless the account has the option `private_custom_fields`. A field without a name is not public.
-#}
{% macro custom_field_value(field, account_id) -%}
    case
        when {{ as_text('value', field) }} is null then null
        when
            ({{ field }} #>> '{customField,isPublic}' in ('1', 'true') or exists (
                select 1 from {{ source("ops", "accounts") }} as accounts
                where
                    accounts.account_id = {{ account_id }}
                    and accounts.options -> 'private_custom_fields' = 'true'
            ))
            and not {{ is_secret_field(field ~ " #>> '{customField,name}'") }}
            and not {{ _is_secret_text("(" ~ field ~ " -> 'value')") }}
            then {{ as_text('value', field) }}
        else '***'
    end
{%- endmacro %}

{#-
    A text whose meaning the name in another field tells: masked if that name or the text itself shows a secret, or if
    there is no name.
-#}
{% macro masked_value(key, name) -%}
    case
        when {{ as_text(key) }} is null then null
        when coalesce({{ is_secret(name, nested=true) }}, true) or {{ _is_secret_text("(payload -> '" ~ key ~ "')") }}
            then '***'
        else {{ as_text(key) }}
    end
{%- endmacro %}

{#- Names of keys whose value is a secret: letters and digits alone, in lower case; % stands for any others. -#}
{% macro secret_names() -%}
    {{ return([
        "%doorcode%",
        "%securitycode%",
        "%accesscode%",
        "%passcode%",
        "%digicode%",
        "%cardnumber%",
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
        "%passphrase%",
        "%secret%",
        "%token%",
        "%accountnumber%",
        "%routingnumber%",
        "%passportnumber%",
        "%socialsecurity%",
        "%nationalid",
        "%taxid",
    ]) }}
{%- endmacro %}

{#- Words that contain the name of a secret and are none. -#}
{% macro plain_names() -%}
    {{ return(["tokeni[sz](?:e|a|i)", "secretar"]) }}
{%- endmacro %}

{#-
    Those among them that Hostaway sends, in its spelling: looked up by name in each payload. A known field with a secret
    name must be here, because known fields are not checked otherwise.
-#}
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
        "verificationCode",
    ]) }}
{%- endmacro %}

{#- Words for objects that a code opens. If the same key also has one of `code_words`, in any order, the value is a secret. -#}
{% macro place_words() -%}
    {{ return([
        "doors?", "locks?", "lock ?box(?:es)?", "smart ?locks?", "unlock(?:ing)?", "gates?", "keys?",
        "key ?(?:box|safe|pad|less)", "access", "entry", "entrance", "alarms?", "safe", "garage", "parking", "barrier",
        "wi ?fi", "wlan", "portal", "security", "disarm", "building", "lobby", "elevator", "lift", "intercom", "buzzer",
        "mail ?box", "pool", "gym", "storage", "shed", "bike",
        "padlocks?", "dead ?bolts?", "vault", "call ?box", "check ?in", "community", "apartment", "house", "laundry", "open(?:ing)?",
        "master", "nuki", "yale", "tt ?lock",
    ]) }}
{%- endmacro %}

{% macro code_words() -%}
    {{ return(["codes?", "pins?", "pass", "pass ?words?", "passwd", "pwd", "pass ?codes?", "pass ?phrases?", "combinations?", "combo"]) }}
{%- endmacro %}

{#- Before "code", these words show that the code opens nothing. -#}
{% macro plain_code_words() -%}
    {{ return([
        "zip", "post", "postal", "country", "currency", "channel", "confirmation", "coupon", "promo", "promotion", "promotional",
        "discount", "voucher", "language", "locale", "state", "region", "city", "area", "dial", "dialing", "calling", "phone",
        "tax", "vat", "airport", "iata", "iso", "status", "error", "response", "reason", "type", "category", "color", "colour",
        "qr", "bar",
    ]) }}
{%- endmacro %}

{#-
    A key as its words in lower case, a blank around each: of camelCase, snake_case, and all characters between
    letters and digits. Codes that open nothing are left out.
-#}
{% macro _words_of(key, between="[^a-zA-Z0-9]+") -%}
    regexp_replace(
        lower(
            ' ' || regexp_replace(
                regexp_replace(
                    regexp_replace({{ key }}, '([a-z])([A-Z0-9])', '\1 \2', 'g'), '([A-Z0-9])([A-Z][a-z])', '\1 \2', 'g'
                ),
                '{{ between }}',
                ' ',
                'g'
            ) || ' '
        ),
        ' (?:(?:{{ plain_code_words() | join("|") }}) ?codes?|map pins?)(?= )',
        '',
        'g'
    )
{%- endmacro %}

{#-
    Numbers of bank accounts, cards and identity documents, and credentials: words of a key, at any place in it. They stay
    readable as parts of other words ("bicycle"), and with other words ("passport country", "card type").
-#}
{% macro secret_phrases() -%}
    {%- set number = "(?:numbers?|num|no|nr)" -%}
    {%- set number_or_id = "(?:numbers?|num|no|nr|ids?|cards?|identif[a-z]*)" -%}
    {%- set auth = "auth(?:entication|ori[sz]ation)?" -%}
    {{ return([
        "iban", "bic", "swift ?(?:bic|codes?)", "clabe", "(?:account|routing|aba|bsb) ?" ~ number, "sort ?codes?",
        "cv[cv] ?2?", "csc", "card ?(?:holders?|pan|codes?|exp|expir[a-z]*|security|verification|" ~ number ~ ")",
        "(?:passport|visa|documents?|ids?|driv(?:ers?|er s|ing) ?licen[cs]es?) ?" ~ number, "id ?cards?", "ssn",
        "(?:passport|identity|identification|national|citizen|personal|fiscal|vat) ?" ~ number_or_id,
        "tax ?(?:payer)? ?(?:file|reference|identif[a-z]*)? ?" ~ number_or_id, "social ?(?:security|insurance)",
        "dni", "nif", "cpf", "cnpj", "curp", "bsn", "nric", "aadhaa?r", "personnummer", "codice ?fiscale", "fiscal ?codes?",
        "jwts?", "bearer", "t?otps?", "credentials?", "[cx]srf", "session ?(?:ids?|cookies?)", "set ?cookies?",
        "(?:one ?time|two ?factor|2 ?fa|mfa|backup|recovery|activation|login|reset|" ~ auth ~ ") ?(?:codes?|keys?|headers?)",
        "basic ?auth", "(?:ssh|rsa|pgp|hmac|signing|signature|session|webhook|decryption) ?keys?",
    ]) }}
{%- endmacro %}

{#- Those that only count as the last words of a key: "passport", but not "passport country". -#}
{% macro secret_last_phrases() -%}
    {{ return([
        "passports?", "driv(?:ers?|er s|ing) ?licen[cs]es?", "(?:credit|debit|payment|bank) ?cards?", "bank ?accounts?",
        "cookies?",
    ]) }}
{%- endmacro %}

{#- Those that only count as the whole key. -#}
{% macro secret_keys() -%}
    {{ return(["(?:(?:proxy|http|x) ?)?authorization", "auth", "swift", "pan"]) }}
{%- endmacro %}

{% macro _secret_words_pattern() -%}
    {%- set places, codes = "(?:" ~ place_words() | join("|") ~ ")", "(?:" ~ code_words() | join("|") ~ ")" -%}
    {%- set glued = "(?:door|gate|lockbox|keypad|alarm|garage|wifi|access|entrance|security)(?:code|pin|pass)" -%}
    {{ return(
        " " ~ places ~ " ?(?:.* )?" ~ codes ~ " | " ~ codes ~ " (?:.* )?(?!keys? )" ~ places ~ " |" ~ glued
        ~ "| pin | pin ?(?:codes?|numbers?) | passwd | pwd | (?:api|access|private|encryption|network|wi ?fi) ?keys? "
        ~ "| (?:" ~ secret_phrases() | join("|") ~ ") | (?:" ~ secret_last_phrases() | join("|") ~ ") +$"
        ~ "|^ +(?:" ~ secret_keys() | join("|") ~ ") +$"
    ) }}
{%- endmacro %}

{#- :param nested: with custom fields, which are checked only at the top level of a payload. -#}
{% macro is_secret(key, nested=false) -%}
    {%- set names = secret_names() + (["%customfieldvalue%"] if nested else []) -%}
    (
        regexp_replace(
            lower(regexp_replace({{ key }}, '[^a-zA-Z0-9]', '', 'g')), '{{ plain_names() | join("|") }}', '', 'g'
        ) like any (array['{{ names | join("', '") }}'])
        or {{ _words_of(key) }} ~ '{{ _secret_words_pattern() }}'
    )
{%- endmacro %}

{#-
    A regular expression that finds the text of a jsonb in which some key may be secret, to be used without regard to
    case: the letters of a name with anything but letters and digits between them, or a word for a place and one for a
    code, in a quoted name followed by `": `. jsonb prints keys so, and inside a string the quote is escaped. A key with an escaped letter always matches. `is_secret` rejects false matches.
-#}
{% macro _secret_in_text() -%}
    {%- set found = [] -%}
    {%- for name in secret_names() + ["customfieldvalue"] -%}
        {%- do found.append(name.replace("%", "") | list | join("[^a-z0-9]*")) -%}
    {%- endfor -%}
    {%- set between = '(?:\\\\.|[^"\\\\])*' -%}
    {%- set places = "(?:" ~ place_words() | join("|") | replace(" ?", "[^a-z0-9]*") ~ ")" -%}
    {%- set codes = "(?:code|pin|pass|pwd|comb)" -%}
    {%- do found.append(places ~ between ~ codes) -%}
    {%- do found.append(codes ~ between ~ places) -%}
    {%- do found.append("pin[^a-z]*(?:code|num)") -%}
    {%- do found.append("passwd|pwd|(?:api|access|private|encryption|network|wi[^a-z0-9]*fi)[^a-z0-9]*key") -%}
    {%- for phrase in secret_phrases() + secret_last_phrases() + secret_keys() -%}
        {%- do found.append(phrase.replace(" ?", " ").replace(" ", "[^a-z0-9]*")) -%}
    {%- endfor -%}
    (?:{{ found | join("|") }})(?:\\.|[^"\\])*":[ ]
{%- endmacro %}

{#-
    Whether the name of a custom field shows that its value may open a door. Whole words are compared, because a pinball
    machine is not a PIN. A single word is sufficient. The words are in the languages of hosts.
-#}
{% macro is_secret_field(name) -%}
    (
        {{ is_secret(name) }}
        or {{ _words_of(name, "[-!-/:-@\\[-`{-~[:space:]]+") }} ~ ' (?:{{ secret_field_words() | join("|") }}) '
    )
{%- endmacro %}

{% macro secret_field_words() -%}
    {{ return(code_words() + [
        "doors?", "locks?", "lock ?box(?:es)?", "smart ?locks?", "gates?", "keys?", "key ?(?:box|safe|pad|less)", "alarms?",
        "safe", "garage", "wi ?fi", "wlan", "secrets?", "tokens?", "[^ ]*codes?", "passwort", "kennwort", "schl(?:ü|ue)ssel[^ ]*",
        "(?:haus)?t(?:ü|ue)r[^ ]*", "c(?:o|ó)digos?", "claves?", "contrase(?:n|ñ)a", "llaves?", "puerta", "porta?e?", "portail",
        "cl(?:e|é|ef)s?", "mot de passe", "mdp", "codic[ei]", "chiav[ei]", "senha", "chaves?",
    ]) }}
{%- endmacro %}
