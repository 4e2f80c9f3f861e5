-- New fields of Hostaway, in up to 50,000 rows of each resource that landed since the last night. The table
-- staging.new_fields names them, and the column pms_meta keeps their values. Add a useful one as a column
-- (docs/contributing/add-a-field.md), and each of them to the macro known_fields or nested_fields.
{{ config(severity="warn", store_failures=true, schema="staging") }}

{% for resource, fields in known_fields().items() %}
{%- set nested = nested_fields().get(resource, {}) %}
{%- if not loop.first %}
union all
{%- endif %}
(
    with

    landed as materialized (
        select payload
        from {{ source("landing", resource) }}
        where landed_at > now() - interval '26 hours'
        order by landed_at
        limit 50000
    )

    select
        '{{ resource }}' as resource,
        field.name,
        count(*) as seen_in_rows
    from landed
    cross join lateral jsonb_object_keys(landed.payload) as field (name)
    where field.name <> all(array['{{ fields | join("', '") }}'])
    group by field.name
    {%- if nested %}
    union all
    select
        '{{ resource }}' as resource,
        objects.path || '.' || field.name as name,
        count(*) as seen_in_rows
    from landed
    cross join (
        values
        {%- for path, fields in nested.items() %}
        (
            '{{ path }}',
            'lax $.{{ path }}[*]'::jsonpath,
            array['{{ fields | join("', '") }}']
        ){{ "," if not loop.last }}
        {%- endfor %}
    ) as objects (path, elements, fields)
    cross join lateral jsonb_path_query(landed.payload, objects.elements) as element (value)
    cross join
        lateral jsonb_object_keys(
            case jsonb_typeof(element.value) when 'object' then element.value else '{}' end
        ) as field (name)
    -- PHP writes a list with gaps as an object whose keys are the places
    where field.name <> all(objects.fields) and field.name !~ '^[0-9]+$'
    group by objects.path, field.name
    {%- endif %}
)
{%- endfor %}
