-- name: fields
    reservations.reservation_id,
    reservations.listing_id,
    reservations.guest_id,
    reservations.status,
    reservations.status_group,
    reservations.is_booking,
    reservations.channel_id,
    reservations.channel_name,
    reservations.channel_reservation_id,
    reservations.confirmation_code,
    reservations.guest_name,
    reservations.guest_first_name,
    reservations.guest_last_name,
    reservations.guest_email,
    reservations.guest_phone,
    reservations.guest_locale,
    reservations.guest_country,
    reservations.guest_note,
    reservations.arrival_date,
    reservations.departure_date,
    reservations.nights,
    reservations.check_in_hour,
    reservations.check_out_hour,
    reservations.number_of_guests,
    reservations.adults,
    reservations.children,
    reservations.infants,
    reservations.pets,
    reservations.currency,
    reservations.total_price,
    reservations.tax_amount,
    reservations.cleaning_fee,
    reservations.remaining_balance,
    reservations.payment_status,
    reservations.is_paid,
    reservations.booked_at,
    reservations.cancelled_at,
    reservations.updated_at,
    reservations.synced_at as changed_at,
    reservations.is_deleted,
    (
        select max(conversations.conversation_id)
        from hostaway.conversations
        where
            conversations.account_id = reservations.account_id
            and conversations.reservation_id = reservations.reservation_id
            and not conversations.is_deleted
    ) as conversation_id

-- name: reservation
select
    {fields}
from hostaway.reservations
where reservations.account_id = %(account_id)s and reservations.reservation_id = %(reservation_id)s

-- name: filters
    (%(listing_id)s::bigint is null or reservations.listing_id = %(listing_id)s)
    and (cardinality(%(status)s::text[]) = 0 or reservations.status = any(%(status)s))
    and (%(arrival_from)s::date is null or reservations.arrival_date >= %(arrival_from)s)
    and (%(arrival_to)s::date is null or reservations.arrival_date <= %(arrival_to)s)
    and (%(departure_from)s::date is null or reservations.departure_date >= %(departure_from)s)
    and (%(departure_to)s::date is null or reservations.departure_date <= %(departure_to)s)

-- name: reservations
select
    {fields}
from hostaway.reservations
where
    reservations.account_id = %(account_id)s
    and reservations.reservation_id > %(after)s
    and not reservations.is_deleted
    and {filters}
order by reservations.reservation_id
limit %(rows)s

-- name: changed_reservations
select
    {fields}
from hostaway.reservations
where
    reservations.account_id = %(account_id)s
    and (reservations.synced_at, reservations.reservation_id) > (%(moment)s, %(after)s)
    and {filters}
order by reservations.synced_at, reservations.reservation_id
limit %(rows)s
