with

source as (
    select * from {{ landed('transcripts') }} as landed
),

elements as (
    select
        source.account_id,
        source.entity_id,
        source.load_id,
        source.deleted_at,
        {{ as_bigint('listingId', 'source.payload') }} as listing_id,
        {{ as_bigint('reservationId', 'source.payload') }} as reservation_id,
        element.payload,
        element.place
    from source
    inner join lateral jsonb_array_elements(
        {{ as_list("source.payload -> 'messages'") }}
    ) with ordinality as element (payload, place) on true
),

typed as (
    select
        ---------- ids
        account_id,
        entity_id as transcript_id,
        place::integer as message_number,
        listing_id,
        reservation_id,

        ---------- text
        {{ as_text('senderName') }} as sender_name,
        {{ as_text('sender') }} as sender,
        {{ as_text('body') }} as body,

        ---------- numerics
        {{ as_integer('line') }} as line_number,

        ---------- timestamps
        {{ as_timestamptz('sentAt') }} as sent_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        entity_id,
        load_id
    from elements
)

select * from typed
