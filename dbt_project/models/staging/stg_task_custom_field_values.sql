with

source as (
    select * from {{ landed('tasks') }} as landed
),

elements as (
    select
        source.account_id,
        source.entity_id,
        source.load_id,
        source.deleted_at,
        element.payload,
        element.place
    from source
    inner join lateral jsonb_array_elements(
        {{ as_list("source.payload -> 'customFieldValue'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as task_id,
        coalesce(
            {{ as_bigint('customFieldId') }}, {{ as_bigint('id', "(payload -> 'customField')") }}
        ) as custom_field_id,

        ---------- text
        {{ as_text('name', "(payload -> 'customField')") }} as field_name,
        {{ as_text('type', "(payload -> 'customField')") }} as field_type,
        {{ custom_field_value('payload', 'account_id') }} as field_value,

        ---------- booleans
        {{ as_boolean('isPublic', "(payload -> 'customField')") }} as is_public,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
where custom_field_id is not null
