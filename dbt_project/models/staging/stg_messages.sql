with

source as (
    select * from {{ landed('messages') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as message_id,
        coalesce(parent_id, {{ as_bigint('conversationId') }}) as conversation_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,
        {{ as_bigint('channelId') }} as channel_id,
        {{ as_bigint('communicationId') }} as communication_id,
        {{ as_bigint('userId') }} as user_id,
        {{ as_text('channelThreadMessageId') }} as channel_message_id,

        ---------- text
        case when jsonb_typeof(payload -> 'body') = 'string' then nullif(payload ->> 'body', '') end as body,
        ops.plain_text(case when jsonb_typeof(payload -> 'body') = 'string' then payload ->> 'body' end) as body_text,
        {{ as_text('subject') }} as subject,
        {{ as_text('communicationType') }} as communication_type,
        {{ as_text('status') }} as status,
        case
            when {{ as_boolean('isIncoming') }} then 'guest'
            when {{ as_bigint('communicationId') }} is not null then 'automation'
            when {{ as_bigint('userId') }} is not null then 'staff'
            when not {{ as_boolean('isIncoming') }} then 'host'
        end as sender,
        {{ as_text('messageSource') }} as message_source,
        {{ as_text('originatedBy') }} as originated_by,
        {{ as_text('inReplyTo') }} as in_reply_to,
        {{ as_text('communicationName') }} as automation_name,
        {{ as_text('communicationEvent') }} as automation_event,
        {{ as_text('reasonFailed') }} as failure_reason,
        {{ as_text('readableReasonFailed') }} as readable_failure_reason,
        {{ as_text('listingTimeZoneName') }} as listing_time_zone_name,
        {{ as_text('isSeenBy') }} as seen_by,

        ---------- numerics
        coalesce(jsonb_array_length({{ as_list("payload -> 'attachments'") }}), 0) as attachments_count,
        {{ as_integer('retryCount') }} as retry_count,
        {{ as_integer('communicationTimeDeltaSeconds') }} as automation_delay_seconds,

        ---------- booleans
        {{ as_boolean('isIncoming') }} as is_incoming,
        {{ as_boolean('isSeen') }} as is_seen,
        {{ as_boolean('sentUsingHostaway') }} as is_sent_by_hostaway,

        ---------- timestamps
        {{ as_timestamptz('date') }} as sent_at,
        coalesce(
            {{ as_timestamptz('sentChannelDate') }},
            {{ as_timestamptz('sentToChannelDate') }}
        ) as sent_to_channel_at,
        {{ as_timestamptz('isSeenAt') }} as seen_at,
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,
        {{ as_timestamptz('sentToChannelAttemptDate') }} as send_attempted_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("messages", drop=["Reservation", "ListingMap", "Conversation"]) }} as pms_meta,
        entity_id,
        load_id,
        landed_at
    from source
)

select * from typed
