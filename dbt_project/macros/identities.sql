{#-
    The identities of a guest: an id at a channel, an e-mail address, a phone number, a name. Each macro returns one text for
    all spellings of the same identity, and null for other values. Every function has an explicit collation, so that the
    result does not depend on the database's locale. Texts with only ASCII, which are nearly all, skip the expensive steps.
    The file is long, because two spellings of an identity match only if all macros use the same normal forms.
-#}

{#- Without invisible characters: characters of no width, soft hyphens, marks of direction, control characters. -#}
{% macro visible(value) -%}
    regexp_replace(
        {{ value }},
        '[\u0001-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f'
        '\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]',
        '',
        'g'
    )
{%- endmacro %}

{#- In lower case, for a text that was decomposed with NFKD, so that accents are separate characters. -#}
{% macro lowered(value) -%}
    translate(
        lower({{ value }} collate "C"),
        'АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐҒҖҚҢҮҰҲҺӘӨΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςÆØŁĐÐÞŒẞŊĦŦƏ'
        'ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ',
        'абвгдежзийклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґғҗқңүұҳһәөαβγδεζηθικλμνξοπρστυφχψωσæøłđðþœßŋħŧə'
        'աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ'
    ) collate "default"
{%- endmacro %}

{% macro is_ascii(value) -%}
    octet_length({{ value }}) = char_length({{ value }})
{%- endmacro %}

{#- An address as one text: its case, Unicode form, form of the domain and surrounding characters do not matter. -#}
{% macro spelled_email(value) -%}
    (
        select
            case
                when address.spelling like '%@%xn--%'
                    then split_part(address.spelling, '@', 1) || '@'
                    || {{ _composed("ops.unicode_domain(split_part(address.spelling, '@', 2))") }}
                else address.spelling
            end
        from (
            select
                regexp_replace(
                    regexp_replace(raw.spelling, '^[^<>]*<([^<>]*)>[^<>]*$', '\1'),
                    '^[\s"''(\[<«‹“„‘]*(mailto:[\s/]*)?|(\?.*)?[\s"'')\].,;/>»›”“’]*$',
                    '',
                    'g'
                ) as spelling
            from (
                select
                    case
                        when {{ is_ascii(value) }} then lower({{ value }} collate "C") collate "default"
                        else translate({{ _composed(visible(value)) }}, '。', '.')
                    end as spelling
                limit all offset 0
            ) as raw
            limit all offset 0
        ) as address
    )
{%- endmacro %}

{% macro _composed(value) -%}
    normalize({{ lowered("normalize(" ~ value ~ ", nfkd)") }}, nfkc)
{%- endmacro %}

{#-
    A guest's e-mail address as an identity: null unless it is a person's own. An address has at most 254 characters, and an
    index entry must not be longer than a third of a page. :param spelled: result of `spelled_email`.
-#}
{% macro email_identity(spelled) -%}
    case
        when
            char_length({{ spelled }}) <= 254
            and {{ spelled }} ~ '^[^@\s,;:<>()"]+@([^@\s,;:<>()".]+\.)+[^@\s,;:<>()".0-9]{2,}$'
            and {{ spelled }} !~ '@([^@]+\.)?({{ relay_domains() | join("|") }})$'
            and {{ spelled }} !~ '@(guest|guests|reply|relay|proxy|messages?|messaging)\.'
            and {{ spelled }} !~ '^({{ role_mailboxes() | join("|") }})[0-9]*([-._+][^@]*)?@'
            and {{ spelled }} !~ '({{ group_mailboxes() | join("|") }})[0-9]*@'
            and {{ spelled }} !~ '^({{ placeholder_words() | join("|") }})@'
            and {{ spelled }} !~ '^(test[0-9]*|([^@])\2{2,}|([^@]{1,3})@\3\.[^@]*|[^@]*@({{ placeholder_domains() | join("|") }}))(@|$)'
            then {{ spelled }}
    end
{%- endmacro %}

{#- Mailboxes of an office, not of a person: addresses that begin with one of these words. -#}
{% macro role_mailboxes() -%}
    {{ return([
        "reservations?", "reservas?", "reservaciones", "reservierung(en)?", "prenotazioni", "bookings?", "buchung(en)?",
        "info", "infos", "information", "contact[o]?", "contatto", "kontakt", "office", "buero", "bureau", "oficina",
        "(no|do-?not|donot)[-_.]?(reply|response|answer)", "reply", "mailer-?daemon", "postmaster", "hostmaster", "webmaster",
        "abuse", "root", "admin", "administrator", "administration", "sales", "ventas", "vendite", "vertrieb", "support",
        "help", "helpdesk", "hello", "hallo", "hola", "bonjour", "ciao", "enquir(y|ies)", "inquir(y|ies)", "requests?",
        "front[-_.]?(desk|office)", "reception", "recepcion", "rezeption", "concierge", "guest[-_.]?(services?|relations|care)",
        "customer[-_.]?(services?|care|support)", "services?", "operations?", "ops", "team", "staff", "billing", "accounts?",
        "accounting", "finance", "invoices?", "rechnung", "payments?", "groups?", "events?", "marketing", "agency", "agencia",
        "agence", "travel", "trips?", "tours?", "rentals?", "stays?", "hotel", "hostel", "hosts?", "hosting", "property",
        "properties", "management", "manager", "res", "rsvp?", "crs", "orders?", "notifications?", "alerts?", "mail",
        "mailbox", "everyone", "all", "welcome", "contact[-_.]?us", "web(site)?", "clients?", "customers?", "owners?", "corporate",
        "travel[-_.]?agen(t|cy)", "(front|back)[-_.]?office", "secretar(y|iat)", "house[-_.]?keeping", "property[-_.]?managers?",
        "pms", "ota", "channels?", "airbnb", "expedia", "prenotazione", "rezervac[ei]j?e?", "s[eé]jours?", "book(me|now|us)?",
    ]) }}
{%- endmacro %}

{#- The same with a name before it: addresses whose mailbox ends with one of these words. -#}
{% macro group_mailboxes() -%}
    {{ return([
        "reservations", "(reservations?|bookings?)[-_.]?desk", "reservas", "reservierung(en)?", "[-_.]bookings?", "[-_.]buchung(en)?", "no[-_.]?reply", "donot[-_.]?reply",
        "front[-_.]?desk", "reception", "rezeption", "enquiries", "inquiries", "guest[-_.]?services?",
        "customer[-_.]?services?", "[-_.](info|office|sales|support|admin|team|accounting|billing)",
    ]) }}
{%- endmacro %}

{#- Words that users type into required fields. A value that consists only of these is not an address, id or name. -#}
{% macro placeholder_words() -%}
    {{ return([
        "n[-._/ ]?a", "none", "no", "nil", "null", "nan", "nobody", "no[-._ ]?one", "nothing", "empty", "blank", "void",
        "undefined", "unknown", "not[-._ ]?known", "unbekannt", "inconnu", "desconocido", "sconosciuto", "unspecified",
        "not[-._ ]?(available|applicable|provided|given|set|specified)", "no[-._ ]?(e?-?mail|name|phone|id|data|address)([-._ ]?(provided|given|available|set))?",
        "no[-._ ]?tiene", "keine?", "ninguno", "aucun", "nessuno", "sans", "missing", "pending", "tb[acd]", "to ?be ?(announced|confirmed)",
        "test(er|ing|user|guest)?", "prueba", "example", "sample", "demo", "dummy", "fake", "temp", "tmp", "default",
        "placeholder", "anonymous", "anonym", "anon", "hidden", "private", "redacted", "deleted", "removed", "erased", "masked",
        "e?-?mail", "name", "first ?name", "last ?name", "user", "guests?", "customer", "client", "traveller", "traveler",
        "someone", "somebody", "person", "x{2,}", "asdf+", "qwerty", "abc", "xyz", "foo", "bar", "true", "false", "[-._?]+",
        "[[]?object object[]]?",
    ]) }}
{%- endmacro %}

{% macro placeholder_domains() -%}
    {{ return([
        "(na|none|null|no-?e?-?mail|unknown|nowhere|invalid|noreply|no-reply)\\.[^@]*",
        "[^@]*\\.(invalid|localhost|local)",
    ]) }}
{%- endmacro %}

{#- Domains, with their subdomains, whose addresses belong to one booking and not to a person. -#}
{% macro relay_domains() -%}
    {{ return([
        "airbnb\\.[a-z.]+",
        "booking\\.com",
        "expediapartnercentral\\.com",
        "expedia\\.[a-z.]+",
        "hotels\\.com",
        "homeaway\\.[a-z.]+",
        "vrbo\\.com",
        "stayz\\.com\\.au",
        "bookabach\\.co\\.nz",
        "abritel\\.fr",
        "fewo-direkt\\.de",
        "tripadvisor\\.[a-z.]+",
        "flipkey\\.com",
        "holidaylettings\\.co\\.uk",
        "agoda\\.com",
        "agoda-messaging\\.com",
        "trip\\.com",
        "ctrip\\.com",
        "hopper\\.com",
        "priceline\\.com",
        "despegar\\.com",
        "decolar\\.com",
        "traveloka\\.com",
        "makemytrip\\.com",
        "holidu\\.[a-z.]+",
        "hometogo\\.[a-z.]+",
        "plumguide\\.com",
        "hostaway\\.[a-z.]+",
        "hostawaymail\\.com",
    ]) }}
{%- endmacro %}

{#- A text that may be an identity: longer texts are not. -#}
{% macro identity(value) -%}
    case when char_length({{ value }}) <= 255 then {{ value }} end
{%- endmacro %}

{#- A guest's id at a channel as one text; null for placeholders: zero, a negative number, 1111, "none". -#}
{% macro channel_identity(value) -%}
    (
        select {{ identity("external.id") }}
        from (
            select
                -- an id that is a number is the same in each of its spellings: 884413, 0884413 and 884413.0
                regexp_replace(
                    btrim(
                        case
                            when {{ is_ascii(value) }} then {{ value }}
                            else normalize({{ visible(value) }}, nfkc)
                        end
                    ),
                    '^[+]?0*([0-9]+)([.]0*)?$',
                    '\1'
                ) as id
            limit all offset 0
        ) as external
        where
            external.id ~ '[[:alnum:]]'
            and external.id !~* '^([-+]?[-0.]+|-[0-9].*|{{ placeholder_words() | join("|") }})$'
            and regexp_replace(external.id, '[-_. ]', '', 'g') !~ '^((.)\2{3,}|0*123456789[0-9]*)$'
    )
{%- endmacro %}

{#-
    A phone number as its last nine digits, which are the same with and without the codes before them. Weak evidence: a
    household and an office share a number, and it counts only together with a name.
-#}
{% macro phone_identity(value) -%}
    (
        select right(phone.digits, 9)
        from (
            select
                ltrim(
                    regexp_replace(
                        regexp_replace(
                            case
                                when {{ is_ascii(value) }} then {{ value }}
                                else translate(
                                    normalize({{ value }}, nfkc), '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹', '01234567890123456789'
                                )
                            end,
                            '\(0\)|(ext|x|#|;).*$',
                            '',
                            'gi'
                        ),
                        '[^0-9]',
                        '',
                        'g'
                    ),
                    '0'
                ) as digits
            limit all offset 0
        ) as phone
        where
            char_length(phone.digits) between 7 and 17
            and right(phone.digits, 7) !~ '^(.)\1+$'
            and phone.digits !~ '^1?23456789?0?'
            and phone.digits !~ '98765432'
    )
{%- endmacro %}

{#-
    The digits before these nine in a number that is written with its country, without zeros at the end: 49 of
    +49 (0)30 1234578. Two numbers with the same nine digits are those of two countries when it differs.
-#}
{% macro phone_country(value) -%}
    case
        when {{ value }} ~ '^[^0-9]*([+＋]|00)'
            then (
                select nullif(rtrim(left(phone.digits, -9), '0'), '')
                from (
                    select
                        ltrim(
                            regexp_replace(
                                regexp_replace(
                                    normalize({{ value }}, nfkc), '[(]0[)]|(ext|x|#|;).*$', '', 'gi'
                                ),
                                '[^0-9]',
                                '',
                                'g'
                            ),
                            '0'
                        ) as digits
                    limit all offset 0
                ) as phone
                where char_length(phone.digits) between 10 and 17
            )
    end
{%- endmacro %}

{#-
    A name as its words in the order they are written, a blank between two: without case, accents, punctuation and middle
    initials, and without a title before a first and a last name ("Mr John Smith"). Of Chinese, Japanese and Korean, each
    character is a word: whether a blank stands between family name and given name differs between channels. Null for placeholders: "Guest", "Not available".
-#}
{% macro name_words(value) -%}
    (
        select string_agg(word.text, ' ' order by word.place)
        from (
            select
                regexp_split_to_array(
                    regexp_replace(btrim(
                        regexp_replace(
                            regexp_replace(
                                regexp_replace(plain.spelling, '^([^,]+),([^,]+)$', '\2 \1'),
                                '[''`\u00b4\u02b9-\u02bd\u2018\u2019\u201b]',
                                '',
                                'g'
                            ),
                            '[\u0001-/:-@\[-`{-\u00a9\u00ab-\u00b9\u00bb-\u00bf\u060c\u2000-\u206f\u2190-\u2bff\u3000-\u303f\u30fb\U0001f000-\U0001faff]+',
                            ' ',
                            'g'
                        )
                    ), '^(({{ titles() | join("|") }}) )+(?=[^ ]+ [^ ])', ''),
                    ' '
                ) as words
            from (
                select
                    case
                        when {{ is_ascii(value) }} then lower({{ value }} collate "C") collate "default"
                        else regexp_replace(regexp_replace(
                            replace(
                                replace(
                                    replace(
                                        translate(
                                            {{ lowered("normalize(" ~ visible(value) ~ ", nfkd)") }}, 'øłđðıħŧŋ', 'olddihtn'
                                        ),
                                        'ß', 'ss'
                                    ),
                                    'æ', 'ae'
                                ),
                                'œ', 'oe'
                            ),
                            '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]',
                            '',
                            'g'
                        ),
                        -- Han, kana with its marks, and the parts of which a syllable of Hangul consists
                        '([\u3400-\u9fff\uf900-\ufaff]|[\u3041-\u3096\u30a1-\u30fa][\u3099\u309a]?|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?)',
                        ' \1 ',
                        'g'
                        )
                    end as spelling
                limit all offset 0
            ) as plain
            limit all offset 0
        ) as split
        cross join unnest(split.words) with ordinality as word (text, place)
        where
            word.text <> ''
            and array_to_string(split.words, ' ') !~ '^(({{ (placeholder_words() + channel_words()) | join("|") }})( |$))+$'
            and (
                word.text !~ '^[a-z]$'
                or word.place = 1
                or word.place = cardinality(split.words)
            )
    )
{%- endmacro %}

{#- Titles before names, without case and punctuation. -#}
{% macro titles() -%}
    {{ return([
        "mr", "mrs", "ms", "miss", "mister", "madam", "sir", "dr", "prof", "professor", "herr", "herrn", "frau", "monsieur",
        "madame", "mme", "mlle", "senor", "senora", "senorita", "sr", "sra", "srta", "signor", "signora", "sig", "dott",
    ]) }}
{%- endmacro %}

{#- Words that channels write in place of a name. -#}
{% macro channel_words() -%}
    {{ return([
        "airbnb", "booking", "bookingcom", "com", "vrbo", "homeaway", "expedia", "agoda", "hostaway", "direct", "channel", "the",
        "reserved", "blocked", "block", "hold", "owner", "stay", "reservation", "inquiry", "gast", "invite", "ospite", "huesped",
    ]) }}
{%- endmacro %}

{#- Values that are read several times, as `email` and `name_words`, for a `join`: computed once per row. -#}
{% macro spelled_identities(email, name, alias) -%}
    lateral (
        select
            {{ spelled_email(email) }} as email,
            -- a name that is too long is still a name, not a missing one
            {{ name_words("left(" ~ name ~ ", 255)") }} as name_words
        limit all offset 0
    ) as {{ alias }}
{%- endmacro %}

{#- The same words in alphabetical order: a family name may be the first or the last word. -#}
{% macro name_key(words) -%}
    (
        select string_agg(word.text, ' ' order by word.text collate "C")
        from unnest(string_to_array({{ words }}, ' ')) as word (text)
    )
{%- endmacro %}
