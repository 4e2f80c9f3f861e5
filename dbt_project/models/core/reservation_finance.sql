{{ config(
    unique_key=["account_id", "reservation_id"],
    indexes=[
        {"columns": ["account_id", "synced_at"]},
    ],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('reservation_finance') }} as batch
    {% if is_incremental() %}
    -- Those that came before their reservation have neither its listing nor its currency.
    union all
    select staged.*
    from {{ this }} as present
    cross join {{ lateral_lookup(
        ref('stg_reservation_finance'),
        "staged",
        "staged.account_id = present.account_id and staged.entity_id = present.reservation_id::text",
    ) }}
    where
        present.listing_id is null
        and {{ exists_lookup(
            ref('reservations'),
            "parent",
            "parent.account_id = present.account_id and parent.reservation_id = present.reservation_id",
        ) }}
    {% endif %}
),

final as (
    select distinct on (batch.account_id, batch.reservation_id)
        batch.account_id,
        batch.reservation_id,
        reservations.listing_id,
        reservations.currency,
        batch.finance_source,
        batch.report_currency,
        batch.manually_set_fields,
        batch.total_guest_fees,
        batch.total_tax,
        batch.accommodation_fee,
        batch.pm_commission,
        batch.owner_payout,
        batch.base_rate,
        batch.extra_person_price,
        batch.cleaning_fee,
        batch.city_tax,
        batch.hotel_tax,
        batch.lodging_tax,
        batch.room_tax,
        batch.sales_tax,
        batch.transient_occupancy_tax,
        batch.vat,
        batch.other_taxes,
        batch.property_rent_tax,
        batch.guest_per_person_per_night_tax,
        batch.guest_stay_tax,
        batch.guest_nightly_tax,
        batch.guest_channel_fee,
        batch.host_channel_fee,
        batch.monthly_discount,
        batch.weekly_discount,
        batch.damage_deposit,
        batch.cancellation_fee,
        batch.cancellation_payout,
        batch.cancellation_host_fee,
        batch.sub_total_price,
        batch.additional_cleaning_fee,
        batch.parking_fee,
        batch.towel_change_fee,
        batch.midstay_cleaning_fee,
        batch.room_request_fee,
        batch.reservation_change_fee,
        batch.checkin_fee,
        batch.late_checkout_fee,
        batch.other_fees,
        batch.credit_card_fee,
        batch.kitchen_linen_fee,
        batch.linen_package_fee,
        batch.transfer_fee,
        batch.wristband_fee,
        batch.extra_beds_fee,
        batch.service_fee,
        batch.bed_linen_fee,
        batch.booking_fee,
        batch.pet_fee,
        batch.ski_pass_fee,
        batch.tourism_fee,
        batch.children_extra_fee,
        batch.resort_fee,
        batch.airbnb_resort_fee,
        batch.airbnb_community_fee,
        batch.airbnb_management_fee,
        batch.airbnb_linen_fee,
        batch.coupon_discount,
        batch.shareholder_discount,
        batch.last_minute_discount,
        batch.employee_discount,
        batch.other_special_discount,
        batch.payment_service_processing_fees,
        batch.bookingcom_cancellation_guest_fee,
        batch.ota_payment_processing_fee,
        batch.insurance_fee,
        batch.formulas,
        coalesce(cardinality(batch.manually_set_fields) > 0, false)
        or exists (
            select 1 from {{ ref('reservation_finance_fields') }} as edited
            where
                edited.account_id = batch.account_id
                and edited.reservation_id = batch.reservation_id
                and edited.is_overridden
                and not edited.is_deleted
        ) as is_manually_edited,
        batch.is_deleted,
        batch.pms_meta
    from batch
    left join {{ lateral_lookup(
        ref('reservations'),
        "reservations",
        "reservations.account_id = batch.account_id and reservations.reservation_id = batch.reservation_id",
    ) }} on true
    where batch.reservation_id is not null
    order by batch.account_id, batch.reservation_id
)

select
    final.*,
    {{ current_transform_at() }} as synced_at
from final
