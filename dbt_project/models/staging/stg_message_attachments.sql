with

source as (
    select * from {{ landed('messages') }} as landed
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
        coalesce({{ as_list("source.payload -> 'attachments'") }}, '[]')
        || coalesce({{ as_list("source.payload -> 'imagesUrls'") }}, '[]')
    ) with ordinality as element (payload, place) on true
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as message_id,
        (place)::integer as attachment_number,
        case when jsonb_typeof(payload) = 'object' then {{ as_bigint('id') }} end as attachment_id,

        ---------- text
        case when jsonb_typeof(payload) = 'object' then {{ as_text('name') }} end as file_name,
        case jsonb_typeof(payload)
            when 'string' then payload #>> '{}'
            when 'object' then {{ as_text('url') }}
        end as url,
        case when jsonb_typeof(payload) = 'object' then {{ as_text('extension') }} end as file_extension,
        case when jsonb_typeof(payload) = 'object' then {{ as_text('mimeType') }} end as mime_type,

        ---------- booleans
        case when jsonb_typeof(payload) = 'object' then {{ as_boolean('isImage') }} end as is_image,
        case when jsonb_typeof(payload) = 'object' then {{ as_boolean('isPublic') }} end as is_public,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
where attachment_number is not null
