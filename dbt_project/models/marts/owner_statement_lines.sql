with

reservations as (
    select
        reservations.account_id,
        reservations.reservation_id,
        reservations.listing_id,
        reservations.guest_name,
        reservations.channel_name,
        reservations.arrival_date,
        reservations.departure_date,
        reservations.status_group = 'cancelled' as is_cancelled,
        money.currency,
        money.gross_revenue,
        money.tax_amount,
        money.accommodation_revenue,
        money.cleaning_fee,
        money.channel_commission,
        money.payout,
        money.cancellation_payout
    from {{ ref('reservations') }} as reservations
    cross join
        {{ lateral_lookup(
            ref('int_reservation_money'),
            "money",
            "money.account_id = reservations.account_id and money.reservation_id = reservations.reservation_id",
        ) }}
    where
        not reservations.is_deleted
        and (reservations.is_booking or money.is_cancelled_booking)
        and reservations.arrival_date is not null
)

select
    reservations.account_id,
    reservations.reservation_id,
    line.line_type,
    reservations.listing_id,
    reservations.currency,
    reservations.channel_name,
    reservations.arrival_date,
    reservations.departure_date,
    date_trunc('month', reservations.departure_date::timestamp)::date as departure_month,
    reservations.is_cancelled,
    line.amount
from reservations
cross join
    lateral (
        values
        ('rent', reservations.accommodation_revenue, false),
        ('cleaning_fee', reservations.cleaning_fee, false),
        (
            'other_fees',
            reservations.gross_revenue - reservations.tax_amount - reservations.accommodation_revenue
            - coalesce(reservations.cleaning_fee, 0),
            false
        ),
        ('tax', reservations.tax_amount, false),
        ('channel_commission', -reservations.channel_commission, false),
        ('payout', reservations.payout, false),
        ('cancellation_payout', reservations.cancellation_payout, true)
    ) as line (line_type, amount, is_of_cancelled)
where line.is_of_cancelled = reservations.is_cancelled
