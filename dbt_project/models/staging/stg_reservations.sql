{#- Long, because a reservation has many fields: a line each. -#}
with

source as (
    select * from {{ landed('reservations') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('channelId') }} as channel_id,
        {{ as_text('channelReservationId') }} as channel_reservation_id,
        {{ as_text('confirmationCode') }} as confirmation_code,
        {{ as_text('guestExternalAccountId') }} as guest_external_account_id,
        {{ as_text('externalPropertyId') }} as external_property_id,
        {{ as_text('externalUnitId') }} as external_unit_id,
        {{ as_text('customerUserId') }} as customer_user_id,
        {{ as_bigint('assigneeUserId') }} as assignee_user_id,
        {{ as_bigint('cancellationPolicyId') }} as cancellation_policy_id,
        {{ as_bigint('reservationCouponId') }} as coupon_id,

        ---------- text
        {{ reservation_status(as_text('status')) }} as status,
        {{ status_group(reservation_status(as_text('status'))) }} as status_group,
        {{ as_text('channelName') }} as channel_name,
        {{ as_text('source') }} as source,
        {{ as_text('guestName') }} as guest_name,
        {{ as_text('guestFirstName') }} as guest_first_name,
        {{ as_text('guestLastName') }} as guest_last_name,
        lower({{ as_text('guestEmail') }}) as guest_email,
        {{ as_text('guestEmail') }} as guest_email_as_sent,
        {{ as_text('phone') }} as guest_phone,
        {{ as_text('guestAddress') }} as guest_address,
        {{ as_text('guestCity') }} as guest_city,
        {{ as_text('guestZipCode') }} as guest_zip_code,
        {{ as_text('guestCountry') }} as guest_country,
        {{ as_text('guestLocale') }} as guest_locale,
        {{ as_text('hostNote') }} as host_note,
        {{ as_text('guestNote') }} as guest_note,
        {{ as_text('comment') }} as comment,
        {{ as_text('cancelledBy') }} as cancelled_by,
        lower({{ as_text('paymentStatus') }}) as payment_status,
        {{ as_text('paymentMethod') }} as payment_method,
        {{ as_text('reservationAgreement') }} as reservation_agreement,
        {{ as_text('insuranceStatus') }} as insurance_status,
        {{ as_text('claimStatus') }} as claim_status,
        coalesce(
            {{ as_text('cancellationPolicy') }},
            {{ as_text('airbnbCancellationPolicy') }},
            {{ as_text('bookingCancellationPolicy') }},
            {{ as_text('vrboCancellationPolicy') }},
            {{ as_text('marriottCancellationPolicy') }},
            {{ as_text('name', "(payload -> 'cancellationPolicyDetails')") }}
        ) as cancellation_policy,
        {{ as_text('currency') }} as currency,
        {{ as_text('externalRatePlanId') }} as external_rate_plan_id,
        coalesce({{ as_text('customerIcalId') }}, {{ as_text('manualIcalId') }}) as customer_ical_id,
        coalesce({{ as_text('customerIcalName') }}, {{ as_text('manualIcalName') }}) as customer_ical_name,
        {{ as_text('localeForMessaging') }} as messaging_locale,
        {{ as_text('remarks', "(payload -> 'bookingcomSpecialRequests')") }} as booking_special_requests,
        {{ as_text('bookingcomBookerName') }} as booking_booker_name,
        {{ as_text('bookingcomBookerCompany') }} as booking_booker_company,

        ---------- dates
        case when not {{ dates_unspecified() }} then {{ as_date('arrivalDate') }} end as arrival_date,
        case when not {{ dates_unspecified() }} then {{ as_date('departureDate') }} end as departure_date,
        {{ as_date('previousArrivalDate') }} as previous_arrival_date,
        {{ as_date('previousDepartureDate') }} as previous_departure_date,

        ---------- numerics
        case when not {{ dates_unspecified() }} then {{ as_integer('nights') }} end as nights,
        {{ as_integer('checkInTime') }} as check_in_hour,
        {{ as_integer('checkOutTime') }} as check_out_hour,
        {{ as_integer('numberOfGuests') }} as number_of_guests,
        {{ as_integer('adults') }} as adults,
        {{ as_integer('children') }} as children,
        {{ as_integer('infants') }} as infants,
        {{ as_integer('pets') }} as pets,
        {{ as_integer('guestTrips') }} as guest_trips,
        {{ as_integer('guestRecommendations') }} as guest_recommendations,

        ---------- money
        {{ as_numeric('totalPrice') }} as total_price,
        {{ as_numeric('taxAmount') }} as tax_amount,
        {{ as_numeric('cleaningFee') }} as cleaning_fee,
        {{ as_numeric('securityDepositFee') }} as security_deposit_fee,
        {{ as_numeric('channelCommissionAmount') }} as channel_commission_amount,
        {{ as_numeric('hostawayCommissionAmount') }} as hostaway_commission_amount,
        {{ as_numeric('remainingBalance') }} as remaining_balance,
        {{ as_numeric('airbnbExpectedPayoutAmount') }} as airbnb_expected_payout_amount,
        {{ as_numeric('airbnbListingBasePrice') }} as airbnb_listing_base_price,
        {{ as_numeric('airbnbListingCleaningFee') }} as airbnb_listing_cleaning_fee,
        {{ as_numeric('airbnbListingHostFee') }} as airbnb_listing_host_fee,
        {{ as_numeric('airbnbListingCancellationHostFee') }} as airbnb_cancellation_host_fee,
        {{ as_numeric('airbnbListingCancellationPayout') }} as airbnb_cancellation_payout,
        {{ as_numeric('airbnbTotalPaidAmount') }} as airbnb_total_paid_amount,
        {{ as_numeric('airbnbOccupancyTaxAmountPaidToHost') }} as airbnb_occupancy_tax_paid_to_host,
        {{ as_numeric('airbnbTransientOccupancyTaxPaidAmount') }} as airbnb_transient_occupancy_tax_paid,
        {{ as_numeric('airbnbListingSecurityPrice') }} as airbnb_listing_security_price,

        ---------- booleans
        {{ status_group(reservation_status(as_text('status'))) }} = 'booking' as is_booking,
        {{ blocks_calendar(reservation_status(as_text('status'))) }} as blocks_calendar,
        {{ status_group(reservation_status(as_text('status'))) }} <> 'other' as is_known_status,
        {{ dates_unspecified() }} as is_dates_unspecified,
        {{ as_boolean('isInstantBooked') }} as is_instant_booked,
        {{ as_boolean('isManuallyChecked') }} as is_manually_checked,
        {{ as_boolean('isPaid') }} as is_paid,
        {{ as_boolean('isStarred') }} as is_starred,
        {{ as_boolean('isArchived') }} as is_archived,
        {{ as_boolean('isProcessed') }} as is_processed,
        {{ as_boolean('isPinned') }} as is_pinned,
        {{ as_boolean('guestPaymentCardIsVirtual') }} as is_paid_by_virtual_card,
        {{ as_boolean('bookingcomIsGeniusMember') }} as is_genius_member,
        {{ as_boolean('bookingcomSmokingPreference') }} as is_smoker,
        {{ as_boolean('bookingcomNoShowFeeWaived') }} as is_no_show_fee_waived,
        {{ as_boolean('hasPullError') }} as has_pull_error,

        ---------- timestamps
        {{ as_timestamptz('reservationDate') }} as booked_at,
        {{ as_timestamptz('pendingExpireDate') }} as pending_expires_at,
        {{ as_timestamptz('cancellationDate') }} as cancelled_at,
        {{ as_timestamptz('latestActivityOn') }} as last_activity_at,
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,
        {{ as_timestamptz('bookingcomNoShowReportedAt') }} as no_show_reported_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        suspect_since,
        -- a deletion marks the last version
        case when deleted_at is not null then greatest(deleted_at, landed_at) end as deleted_at,
        {{ masked("reservations", drop=["listingCustomFields"]) }} as pms_meta,
        entity_id,
        load_id,
        landed_at
    from source
)

select * from typed
