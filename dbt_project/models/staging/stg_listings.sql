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
        {{ as_bigint('airbnbCancellationPolicyId') }} as airbnb_cancellation_policy_id,
        {{ as_bigint('bookingCancellationPolicyId') }} as booking_cancellation_policy_id,
        {{ as_bigint('vrboCancellationPolicyId') }} as vrbo_cancellation_policy_id,
        {{ as_bigint('marriottCancellationPolicyId') }} as marriott_cancellation_policy_id,

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
        {{ as_text('airbnbName') }} as airbnb_listing_name,
        {{ as_text('homeawayPropertyName') }} as vrbo_listing_name,
        {{ as_text('bookingcomPropertyName') }} as booking_listing_name,
        {{ as_text('expediaListingUrl') }} as expedia_listing_url,
        {{ as_text('propertyLicenseType') }} as property_license_type,
        {{ as_text('airbnbExportStatus') }} as airbnb_export_status,
        {{ as_text('vrboExportStatus') }} as vrbo_export_status,
        {{ as_text('bookingcomExportStatus') }} as booking_export_status,
        {{ as_text('expediaExportStatus') }} as expedia_export_status,
        {{ as_text('googleExportStatus') }} as google_export_status,
        {{ as_text('marriotExportStatus') }} as marriott_export_status,
        {{ as_text('externalListingName') }} as external_listing_name,
        {{ as_text('marriottListingName') }} as marriott_listing_name,
        {{ as_text('bookingcomPropertyRoomName') }} as booking_room_name,

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
        {{ as_integer('maxChildrenAllowed') }} as max_children,
        {{ as_integer('maxInfantsAllowed') }} as max_infants,
        {{ as_integer('maxPetsAllowed') }} as max_pets,
        {{ as_integer('guestBathroomsNumber') }} as guest_bathrooms,
        {{ as_integer('airbnbBookingLeadTime') }} as airbnb_booking_lead_time,
        {{ as_integer('sameDayBookingLeadTime') }} as same_day_booking_lead_time,
        {{ as_integer('instantBookableLeadTime') }} as instant_booking_lead_time,
        {{ as_integer('bookingEngineLeadTime') }} as booking_engine_lead_time,

        ---------- money
        {{ as_numeric('price') }} as base_price,
        {{ as_numeric('cleaningFee') }} as cleaning_fee,
        {{ as_numeric('priceForExtraPerson') }} as extra_person_price,
        {{ as_numeric('refundableDamageDeposit') }} as refundable_damage_deposit,
        {{ as_numeric('weeklyDiscount') }} as weekly_discount,
        {{ as_numeric('monthlyDiscount') }} as monthly_discount,
        {{ as_numeric('checkinFee') }} as check_in_fee,
        {{ as_numeric('airbnbPetFeeAmount') }} as airbnb_pet_fee,
        {{ as_numeric('propertyRentTax') }} as property_rent_tax,
        {{ as_numeric('guestStayTax') }} as guest_stay_tax,
        {{ as_numeric('guestNightlyTax') }} as guest_nightly_tax,
        {{ as_numeric('guestPerPersonPerNightTax') }} as guest_person_night_tax,
        {{ as_numeric('airbnbOfficialListingMarkup') }} as airbnb_markup,
        {{ as_numeric('homeawayApiMarkup') }} as vrbo_markup,
        {{ as_numeric('bookingEngineMarkup') }} as booking_engine_markup,
        {{ as_numeric('marriottListingMarkup') }} as marriott_markup,
        {{ as_numeric('partnersListingMarkup') }} as partners_markup,
        {{ as_numeric('averageNightlyPrice') }} as average_nightly_price,

        ---------- booleans
        {{ as_boolean('instantBookable') }} as is_instant_bookable,
        {{ as_boolean('allowSameDayBooking') }} as is_same_day_bookable,
        coalesce(lower({{ as_text('specialStatus') }}) = 'archived', false) as is_archived,
        {{ as_boolean('applyPropertyRentTaxToFees') }} as is_rent_tax_on_fees,
        {{ as_boolean('isDepositStayCollected') }} as is_deposit_collected,
        {{ as_boolean('bookingcomPropertyHasVat') }} as has_booking_vat,
        {{ as_boolean('bookingcomPropertyRegisteredInVcs') }} as is_in_booking_vcs,
        {{ as_boolean('bookingcomPropertyDeclaresRevenue') }} as is_booking_revenue_declared,

        ---------- dates
        {{ as_date('propertyLicenseIssueDate') }} as license_issued_date,
        {{ as_date('propertyLicenseExpirationDate') }} as license_expires_date,

        ---------- timestamps
        {{ as_timestamptz('latestActivityOn') }} as last_activity_at,
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('cleannessStatusUpdatedOn') }} as cleanness_changed_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        -- a deletion marks the last version
        case when deleted_at is not null then greatest(deleted_at, landed_at) end as deleted_at,
        {{ masked("listings", drop=["listingCustomFields"]) }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
