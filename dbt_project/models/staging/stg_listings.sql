with

source as (
    select * from {{ landed('listings') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as listing_id,
        {{ as_bigint('propertyTypeId') }} as property_type_id,
        {{ as_bigint('cancellationPolicyId') }} as cancellation_policy_id,

        ---------- text
        {{ as_text('name') }} as listing_name,
        {{ as_text('internalListingName') }} as internal_listing_name,
        {{ as_text('description') }} as description,
        {{ as_text('houseRules') }} as house_rules,
        {{ as_text('roomType') }} as room_type,
        {{ as_text('bathroomType') }} as bathroom_type,
        {{ as_text('specialStatus') }} as special_status,
        {{ as_text('country') }} as country,
        {{ as_text('countryCode') }} as country_code,
        {{ as_text('state') }} as state,
        {{ as_text('city') }} as city,
        {{ as_text('street') }} as street,
        {{ as_text('address') }} as address,
        {{ as_text('publicAddress') }} as public_address,
        {{ as_text('zipcode') }} as zip_code,
        {{ as_text('timeZoneName') }} as time_zone_name,
        {{ as_text('currencyCode') }} as currency,
        {{ as_text('language') }} as language,
        {{ as_text('cancellationPolicy') }} as cancellation_policy,
        {{ as_text('propertyLicenseNumber') }} as property_license_number,
        {{ as_text('cleannessStatus') }} as cleanness_status,
        {{ as_text('airbnbListingUrl') }} as airbnb_listing_url,
        {{ as_text('vrboListingUrl') }} as vrbo_listing_url,
        {{ as_text('googleVrListingUrl') }} as google_listing_url,
        {{ as_text('thumbnailUrl') }} as thumbnail_url,

        ---------- numerics
        {{ as_numeric('lat') }} as latitude,
        {{ as_numeric('lng') }} as longitude,
        {{ as_integer('personCapacity') }} as person_capacity,
        {{ as_integer('bedroomsNumber') }} as bedrooms,
        {{ as_integer('bedsNumber') }} as beds,
        {{ as_numeric('bathroomsNumber') }} as bathrooms,
        {{ as_numeric('squareMeters') }} as square_meters,
        {{ as_numeric('starRating') }} as star_rating,
        {{ as_numeric('averageReviewRating') }} as average_review_rating,
        {{ as_integer('minNights') }} as min_nights,
        {{ as_integer('maxNights') }} as max_nights,
        {{ as_integer('checkInTimeStart') }} as check_in_hour_start,
        {{ as_integer('checkInTimeEnd') }} as check_in_hour_end,
        {{ as_integer('checkOutTime') }} as check_out_hour,
        {{ as_integer('guestsIncluded') }} as guests_included,

        ---------- money
        {{ as_numeric('price') }} as base_price,
        {{ as_numeric('cleaningFee') }} as cleaning_fee,
        {{ as_numeric('priceForExtraPerson') }} as extra_person_price,
        {{ as_numeric('refundableDamageDeposit') }} as refundable_damage_deposit,
        {{ as_numeric('weeklyDiscount') }} as weekly_discount,
        {{ as_numeric('monthlyDiscount') }} as monthly_discount,

        ---------- booleans
        {{ as_boolean('instantBookable') }} as is_instant_bookable,
        {{ as_boolean('allowSameDayBooking') }} as is_same_day_bookable,
        coalesce(lower({{ as_text('specialStatus') }}) = 'archived', false) as is_archived,

        ---------- timestamps
        {{ as_timestamptz('latestActivityOn') }} as last_activity_at,
        {{ as_timestamptz('insertedOn') }} as inserted_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        -- a deletion is of the version that was there
        case when deleted_at is not null then greatest(deleted_at, landed_at) end as deleted_at,
        {{ masked('payload', drop=["listingCustomFields"]) }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
