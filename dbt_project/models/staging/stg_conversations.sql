with

source as (
    select * from {{ landed('conversations') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as conversation_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,

        ---------- text
        {{ as_text('type') }} as conversation_type,
        {{ as_text('recipientName') }} as recipient_name,
        lower({{ as_text('recipientEmail') }}) as recipient_email,

        ---------- booleans
        {{ as_boolean('hasUnreadMessages') }} as has_unread_messages,

        ---------- timestamps
        {{ as_timestamptz('messageSentOn') }} as last_sent_at,
        {{ as_timestamptz('messageReceivedOn') }} as last_received_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked(
            "conversations", drop=["Reservation", "conversationMessages", "hostEmail", "guestEmail"]
        ) }} as pms_meta,
        entity_id,
        load_id,
        landed_at
    from source
)

select * from typed
