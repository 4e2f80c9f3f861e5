-- Every value of a secret key, at any depth of any payload in core, is masked.
{% set tables = [
    "listings", "listing_photos", "guests", "reservations", "conversations", "messages", "calendar_days",
    "reviews", "tasks", "users", "coupons", "reservation_finance", "expenses", "owner_statements", "guest_charges",
    "tax_settings", "reservation_logs"
] %}
{% for table in tables %}
{%- if not loop.first %}
union all
{%- endif %}
select
    '{{ table }}' as table_name,
    core.account_id,
    secret.value ->> 'key' as key
from {{ ref(table) }} as core
inner join lateral jsonb_path_query(
    core.pms_meta,
    'strict $.** ? (@.type() == "object").keyvalue()'
) as secret (value) on true
where
    {{ is_secret("secret.value ->> 'key'") }}
    and secret.value -> 'value' not in ('null', '""', '[]', '{}', '"***"')
{%- endfor %}
union all
-- nor is there a column for one
select
    columns.table_name::text as table_name,
    null::bigint as account_id,
    columns.column_name::text as key
from information_schema.columns as columns
where
    columns.table_schema = 'hostaway'
    and {{ is_secret("columns.column_name::text") }}
