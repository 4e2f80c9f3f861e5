{#-
    The meaning of a status: {status: [group, whether it takes nights from the calendar]}. `none` if Hostaway does not document
    it. An unknown status is kept and has no meaning: it must not be guessed to be a cancellation.
-#}
{% macro reservation_statuses() -%}
    {{ return({
        "new": ["booking", true],
        "modified": ["booking", true],
        "ownerStay": ["owner_stay", true],
        "pending": ["request", none],
        "awaitingPayment": ["request", true],
        "awaitingGuestVerification": ["request", true],
        "unconfirmed": ["request", none],
        "cancelled": ["cancelled", false],
        "declined": ["declined", false],
        "expired": ["declined", none],
        "unknown": ["declined", false],
        "inquiry": ["inquiry", false],
        "inquiryPreapproved": ["inquiry", false],
        "inquiryDenied": ["inquiry", false],
        "inquiryTimedout": ["inquiry", false],
        "inquiryNotPossible": ["inquiry", false],
    }) }}
{%- endmacro %}

{#- Hostaway's own spelling of a status that comes in another letter case, or with blanks, `_` or `-` in it. -#}
{% macro reservation_status(status) -%}
    case translate(lower({{ status }}), ' _-', '')
        {%- for word in reservation_statuses() %}
        when '{{ word | lower }}' then '{{ word }}'
        {%- endfor %}
        else {{ status }}
    end
{%- endmacro %}

{% macro status_group(status) -%}
    case {{ status }}
        {%- for word, meaning in reservation_statuses().items() %}
        when '{{ word }}' then '{{ meaning[0] }}'
        {%- endfor %}
        else 'other'
    end
{%- endmacro %}

{% macro blocks_calendar(status) -%}
    case {{ status }}
        {%- for word, meaning in reservation_statuses().items() if meaning[1] is not none %}
        when '{{ word }}' then {{ "true" if meaning[1] else "false" }}
        {%- endfor %}
    end
{%- endmacro %}

{#- The channel gave no dates: Hostaway then sends yesterday for both, and no nights. -#}
{% macro dates_unspecified() -%}
    coalesce({{ as_boolean("isDatesUnspecified") }}, false)
{%- endmacro %}

{#- A value of a reservation's log in the spelling that versions of reservations have. A value that cannot be read stays. -#}
{% macro logged_value(field, value) -%}
    case {{ field }}
        when 'status' then coalesce({{ reservation_status(value) }}, {{ value }})
        when 'listing_id' then coalesce({{ text_as_bigint(value) }}::text, {{ value }})
        when 'number_of_guests' then coalesce({{ text_as_bigint(value) }}::text, {{ value }})
        when 'arrival_date' then coalesce({{ text_as_date(value) }}::text, {{ value }})
        when 'departure_date' then coalesce({{ text_as_date(value) }}::text, {{ value }})
        when 'total_price' then coalesce(trim_scale({{ text_as_numeric(value) }})::text, {{ value }})
        else {{ value }}
    end
{%- endmacro %}
