-- Fields that Hostaway has begun to send: seen in what landed since the last night. They are kept, in pms_meta. Add what is
-- of use as a column (docs/contributing/add-a-field.md), and each of them to the macro known_fields.
{{ config(severity="warn") }}

{% for resource, fields in known_fields().items() %}
{%- if not loop.first %}
union all
{%- endif %}
(
    select
        '{{ resource }}' as resource,
        field.name,
        count(*) as seen_in_rows
    from (
        select payload
        from {{ source("landing", resource) }}
        where landed_at > now() - interval '26 hours'
        limit 50000
    ) as landed
    cross join lateral jsonb_object_keys(landed.payload) as field (name)
    where field.name <> all(array['{{ fields | join("', '") }}'])
    group by field.name
)
{%- endfor %}
