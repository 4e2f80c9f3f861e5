with

source as (
    select * from {{ landed('listings') }} as landed
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
        {{ as_list("source.payload -> 'listingTags'") }}
    ) with ordinality as element (payload, place) on true
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as listing_id,
        case jsonb_typeof(payload)
            when 'string' then nullif(btrim(payload #>> '{}'), '')
            else {{ as_text('name') }}
        end as tag_name,
        case when jsonb_typeof(payload) = 'object' then {{ as_bigint('id') }} end as tag_id,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
where tag_name is not null
