-- New fields of Hostaway, in up to 50,000 rows that landed since the last night. The column pms_meta keeps the values.
-- Add a useful one as a column (docs/contributing/add-a-field.md), and each of them to the macro known_fields.
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
        order by landed_at
        limit 50000
    ) as landed
    cross join lateral jsonb_object_keys(landed.payload) as field (name)
    where field.name <> all(array['{{ fields | join("', '") }}'])
    group by field.name
)
{%- endfor %}
