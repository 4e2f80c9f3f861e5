{#-
    The part of an amount for one of several equal units, such as a night of a stay. The parts are rounded to
    the cents of the amount and add up to it exactly.

    :param place: 0 for the first.
-#}
{% macro share_of(amount, place, places) -%}
    round({{ amount }} * ({{ place }} + 1) / {{ places }}, greatest(scale({{ amount }}), 2))
    - round({{ amount }} * {{ place }} / {{ places }}, greatest(scale({{ amount }}), 2))
{%- endmacro %}

{#- An amount of a row of reservation_finance. A report has 0 for an unknown amount, so its 0 counts as unknown. -#}
{% macro known_amount(column, finance="finance") -%}
    case when {{ finance }}.finance_source = 'report' then nullif({{ finance }}.{{ column }}, 0) else {{ finance }}.{{ column }} end
{%- endmacro %}
