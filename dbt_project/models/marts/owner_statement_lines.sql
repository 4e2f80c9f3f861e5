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
        money.cancellation_payout,
        money.management_commission,
        money.owner_payout
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
),

stays as (
    select
        reservations.account_id,
        reservations.reservation_id,
        line.line_type,
        null::bigint as expense_id,
        null::text as description,
        reservations.listing_id,
        reservations.currency,
        reservations.channel_name,
        reservations.arrival_date,
        reservations.departure_date,
        reservations.departure_date as line_date,
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
            ('management_commission', -reservations.management_commission, false),
            ('owner_payout', reservations.owner_payout, false),
            ('cancellation_payout', reservations.cancellation_payout, true)
        ) as line (line_type, amount, is_of_cancelled)
    where line.is_of_cancelled = reservations.is_cancelled
),

expenses as (
    select
        expenses.account_id,
        expenses.reservation_id,
        case when expenses.amount > 0 then 'extra' else 'expense' end as line_type,
        expenses.expense_id,
        expenses.concept as description,
        coalesce(expenses.listing_id, stay.listing_id) as listing_id,
        coalesce(stay.currency, listings.currency) as currency,
        stay.channel_name,
        stay.arrival_date,
        stay.departure_date,
        expenses.expense_date as line_date,
        false as is_cancelled,
        expenses.amount
    from {{ ref('expenses') }} as expenses
    left join {{ ref('reservations') }} as stay
        on expenses.account_id = stay.account_id and expenses.reservation_id = stay.reservation_id
    left join {{ ref('listings') }} as listings
        on expenses.account_id = listings.account_id and expenses.listing_id = listings.listing_id
    where not expenses.is_deleted and not coalesce(expenses.is_removed, false)
),

lines as (
    select * from stays
    union all
    select * from expenses
)

select
    account_id,
    reservation_id,
    line_type,
    expense_id,
    description,
    listing_id,
    currency,
    channel_name,
    arrival_date,
    departure_date,
    date_trunc('month', line_date::timestamp)::date as departure_month,
    is_cancelled,
    amount
from lines
