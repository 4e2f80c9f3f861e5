{#- Fields that have a column, are ids or are texts: all other numbers are formulas of the account. -#}
{%- set plain = (
    "id accountId listingMapId channelId reservationId standardFieldId totalGuestFees totalTax "
    ~ "accommodationFee pmCommission ownerPayout baseRate priceForExtraPerson cleaningFeeValue cityTax "
    ~ "hotelTax lodgingTax roomTax salesTax transientOccupancyTax vat otherTaxes propertyRentTax "
    ~ "guestPerPersonPerNightTax guestStayTax guestNightlyTax guestChannelFee hostChannelFee "
    ~ "monthlyDiscount weeklyDiscount damageDeposit cancellationFee cancellationPayout cancellationHostFee "
    ~ "subTotalPrice additionalCleaningFee parkingFee towelChangeFee midstayCleaningFee roomRequestFee "
    ~ "reservationChangeFee checkinFee lateCheckoutFee otherFees creditCardFee kitchenLinenFee "
    ~ "linenPackageFee transferFee wristbandFee extraBedsFee serviceFee bedLinenFee bookingFee petFee "
    ~ "skiPassFee tourismFee childrenExtraFee resortFee resortFeeAirbnb communityFeeAirbnb "
    ~ "managementFeeAirbnb linenFeeAirbnb couponDiscount shareholderDiscount lastMinuteDiscount "
    ~ "employeeDiscount otherSpecialDiscount paymentServiceProcessingFees bookingComCancellationGuestFee "
    ~ "otaPaymentProcessingFee insuranceFee financeSource reportCurrency manuallySetFields customFeeValuesJson "
    ~ "channelName listingName guestName status arrivalDate departureDate reservationDate insertedOn updatedOn "
    ~ "reservationUpdatedOn confirmationCode channelReservationId phone"
).split() -%}

with

source as (
    select * from {{ landed('reservation_finance') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,

        ---------- text
        {{ as_text('financeSource') }} as finance_source,
        {{ as_text('reportCurrency') }} as report_currency,
        -- a list as JSON in a text
        case
            when {{ as_text('manuallySetFields') }} like '[%'
                then
                    array(
                        select it.match[1]
                        from
                            regexp_matches({{ as_text('manuallySetFields') }}, '"([A-Za-z0-9_ ]+)"', 'g') as it (match)
                    )
        end as manually_set_fields,

        ---------- numerics
        {{ as_numeric('totalGuestFees') }} as total_guest_fees,
        {{ as_numeric('totalTax') }} as total_tax,
        {{ as_numeric('accommodationFee') }} as accommodation_fee,
        {{ as_numeric('pmCommission') }} as pm_commission,
        {{ as_numeric('ownerPayout') }} as owner_payout,
        {{ as_numeric('baseRate') }} as base_rate,
        {{ as_numeric('priceForExtraPerson') }} as extra_person_price,
        {{ as_numeric('cleaningFeeValue') }} as cleaning_fee,
        {{ as_numeric('cityTax') }} as city_tax,
        {{ as_numeric('hotelTax') }} as hotel_tax,
        {{ as_numeric('lodgingTax') }} as lodging_tax,
        {{ as_numeric('roomTax') }} as room_tax,
        {{ as_numeric('salesTax') }} as sales_tax,
        {{ as_numeric('transientOccupancyTax') }} as transient_occupancy_tax,
        {{ as_numeric('vat') }} as vat,
        {{ as_numeric('otherTaxes') }} as other_taxes,
        {{ as_numeric('propertyRentTax') }} as property_rent_tax,
        {{ as_numeric('guestPerPersonPerNightTax') }} as guest_per_person_per_night_tax,
        {{ as_numeric('guestStayTax') }} as guest_stay_tax,
        {{ as_numeric('guestNightlyTax') }} as guest_nightly_tax,
        {{ as_numeric('guestChannelFee') }} as guest_channel_fee,
        {{ as_numeric('hostChannelFee') }} as host_channel_fee,
        {{ as_numeric('monthlyDiscount') }} as monthly_discount,
        {{ as_numeric('weeklyDiscount') }} as weekly_discount,
        {{ as_numeric('damageDeposit') }} as damage_deposit,
        {{ as_numeric('cancellationFee') }} as cancellation_fee,
        {{ as_numeric('cancellationPayout') }} as cancellation_payout,
        {{ as_numeric('cancellationHostFee') }} as cancellation_host_fee,
        {{ as_numeric('subTotalPrice') }} as sub_total_price,
        {{ as_numeric('additionalCleaningFee') }} as additional_cleaning_fee,
        {{ as_numeric('parkingFee') }} as parking_fee,
        {{ as_numeric('towelChangeFee') }} as towel_change_fee,
        {{ as_numeric('midstayCleaningFee') }} as midstay_cleaning_fee,
        {{ as_numeric('roomRequestFee') }} as room_request_fee,
        {{ as_numeric('reservationChangeFee') }} as reservation_change_fee,
        {{ as_numeric('checkinFee') }} as checkin_fee,
        {{ as_numeric('lateCheckoutFee') }} as late_checkout_fee,
        {{ as_numeric('otherFees') }} as other_fees,
        {{ as_numeric('creditCardFee') }} as credit_card_fee,
        {{ as_numeric('kitchenLinenFee') }} as kitchen_linen_fee,
        {{ as_numeric('linenPackageFee') }} as linen_package_fee,
        {{ as_numeric('transferFee') }} as transfer_fee,
        {{ as_numeric('wristbandFee') }} as wristband_fee,
        {{ as_numeric('extraBedsFee') }} as extra_beds_fee,
        {{ as_numeric('serviceFee') }} as service_fee,
        {{ as_numeric('bedLinenFee') }} as bed_linen_fee,
        {{ as_numeric('bookingFee') }} as booking_fee,
        {{ as_numeric('petFee') }} as pet_fee,
        {{ as_numeric('skiPassFee') }} as ski_pass_fee,
        {{ as_numeric('tourismFee') }} as tourism_fee,
        {{ as_numeric('childrenExtraFee') }} as children_extra_fee,
        {{ as_numeric('resortFee') }} as resort_fee,
        {{ as_numeric('resortFeeAirbnb') }} as airbnb_resort_fee,
        {{ as_numeric('communityFeeAirbnb') }} as airbnb_community_fee,
        {{ as_numeric('managementFeeAirbnb') }} as airbnb_management_fee,
        {{ as_numeric('linenFeeAirbnb') }} as airbnb_linen_fee,
        {{ as_numeric('couponDiscount') }} as coupon_discount,
        {{ as_numeric('shareholderDiscount') }} as shareholder_discount,
        {{ as_numeric('lastMinuteDiscount') }} as last_minute_discount,
        {{ as_numeric('employeeDiscount') }} as employee_discount,
        {{ as_numeric('otherSpecialDiscount') }} as other_special_discount,
        {{ as_numeric('paymentServiceProcessingFees') }} as payment_service_processing_fees,
        {{ as_numeric('bookingComCancellationGuestFee') }} as bookingcom_cancellation_guest_fee,
        {{ as_numeric('otaPaymentProcessingFee') }} as ota_payment_processing_fee,
        {{ as_numeric('insuranceFee') }} as insurance_fee,

        ---------- formulas of the account
        (
            select jsonb_object_agg(formula.name, formula.amount) filter (where formula.amount is not null)
            from (
                select
                    field.key as name,
                    -- a number may come as a text, and so do phone numbers and ids, which are no formulas
                    {{ text_as_numeric("field.value #>> '{}'") }} as amount
                from jsonb_each(source.payload) as field (key, value)
                where
                    (
                        jsonb_typeof(field.value) = 'number'
                        or (
                            jsonb_typeof(field.value) = 'string'
                            and field.key !~* '^guest|(phone|name|code|number|id|date|zip|email)$'
                        )
                    )
                    and field.key <> all(array['{{ plain | join("', '") }}']) -- noqa: LT05
                    and not {{ is_secret("field.key") }}
            ) as formula
        ) as formulas,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("reservation_finance") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
