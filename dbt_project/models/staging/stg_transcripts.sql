with

source as (
    select * from {{ landed('transcripts') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        entity_id as transcript_id,
        {{ as_bigint('listingId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,

        ---------- text
        {{ as_text('listingName') }} as listing_name,
        {{ as_text('guestName') }} as guest_name,
        {{ as_text('file') }} as file_name,

        ---------- numerics
        jsonb_array_length({{ as_list("payload -> 'messages'") }}) as message_count,

        ---------- dates
        {{ as_date('stayDate') }} as stay_date,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        entity_id,
        load_id,
        landed_at
    from source
)

select * from typed
