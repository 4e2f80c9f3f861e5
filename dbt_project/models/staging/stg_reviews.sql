with

source as (
    select * from {{ landed('reviews') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as review_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,
        {{ as_bigint('channelId') }} as channel_id,
        {{ as_text('externalReviewId') }} as external_review_id,
        {{ as_bigint('autoReviewId') }} as auto_review_id,
        {{ as_bigint('autoReviewTemplateId') }} as auto_review_template_id,

        ---------- text
        lower({{ as_text('type') }}) as review_type,
        lower({{ as_text('status') }}) as status,
        {{ as_text('publicReview') }} as public_review,
        {{ as_text('privateFeedback') }} as private_feedback,
        {{ as_text('revieweeResponse') }} as response,
        {{ as_text('guestName') }} as guest_name,
        {{ as_text('reviewerName') }} as reviewer_name,
        {{ as_text('externalReservationId') }} as external_reservation_id,
        {{ as_text('listingName') }} as listing_name,
        {{ as_text('bookingEngineVisibility') }} as booking_engine_visibility,

        ---------- numerics
        {{ as_numeric('rating') }} as rating,
        {{ as_list("payload -> 'reviewCategory'") }} as category_ratings,

        ---------- booleans
        {{ as_boolean('isRevieweeRecommended') }} as is_recommended,
        {{ as_boolean('isCancelled') }} as is_cancelled,
        {{ as_boolean('isHidden') }} as is_hidden,

        ---------- dates
        {{ as_date('arrivalDate') }} as arrival_date,
        {{ as_date('departureDate') }} as departure_date,

        ---------- timestamps
        {{ as_timestamptz('submittedAt') }} as submitted_at,
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,
        {{ as_timestamptz('scheduledDateTime') }} as scheduled_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("reviews") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
