-- depends_on: {{ ref('listings') }}
{{ config(
    unique_key=["account_id", "reservation_id"],
    indexes=[
        {"columns": ["account_id", "listing_id", "arrival_date"]},
        {"columns": ["account_id", "guest_id"]},
    ],
) }}

with

-- beside the cost of reading a row no join seems dear to the planner: it plans this one by itself
due as materialized (
    select * from {{ pending('reservations', relinked=true) }} as due
),

final as (
    select
        due.account_id,
        due.reservation_id,
        due.listing_id,
        links.guest_id,
        due.channel_id,
        due.channel_reservation_id,
        due.confirmation_code,
        due.guest_external_account_id,
        due.external_property_id,
        due.external_unit_id,
        due.customer_user_id,
        due.assignee_user_id,
        due.cancellation_policy_id,
        due.status,
        due.status_group,
        due.channel_name,
        due.source,
        due.guest_name,
        due.guest_first_name,
        due.guest_last_name,
        due.guest_email,
        due.guest_phone,
        due.guest_address,
        due.guest_city,
        due.guest_zip_code,
        due.guest_country,
        due.guest_locale,
        due.host_note,
        due.guest_note,
        due.comment,
        due.cancelled_by,
        due.payment_status,
        due.payment_method,
        due.reservation_agreement,
        due.insurance_status,
        due.claim_status,
        due.cancellation_policy,
        due.currency,
        due.arrival_date,
        due.departure_date,
        due.previous_arrival_date,
        due.previous_departure_date,
        due.nights,
        due.check_in_hour,
        due.check_out_hour,
        due.number_of_guests,
        due.adults,
        due.children,
        due.infants,
        due.pets,
        due.total_price,
        due.tax_amount,
        due.cleaning_fee,
        due.security_deposit_fee,
        due.channel_commission_amount,
        due.hostaway_commission_amount,
        due.remaining_balance,
        due.airbnb_expected_payout_amount,
        due.airbnb_listing_base_price,
        due.airbnb_listing_cleaning_fee,
        due.airbnb_listing_host_fee,
        due.airbnb_cancellation_host_fee,
        due.airbnb_cancellation_payout,
        due.airbnb_total_paid_amount,
        due.airbnb_occupancy_tax_paid_to_host,
        due.airbnb_transient_occupancy_tax_paid,
        due.is_booking,
        due.blocks_calendar,
        due.is_known_status,
        due.is_dates_unspecified,
        due.is_instant_booked,
        due.is_manually_checked,
        due.is_paid,
        due.is_starred,
        due.is_archived,
        due.booked_at,
        due.pending_expires_at,
        due.cancelled_at,
        due.last_activity_at,
        due.inserted_at,
        due.updated_at,
        due.is_deleted,
        {{ transform_at() }} as synced_at,
        due.pms_meta
    from due
    cross join lateral (
        select links.guest_id from {{ ref('guest_links') }} as links
        where due.account_id = links.account_id and due.reservation_id = links.reservation_id
        limit all offset 0
    ) as links
)

select * from final
