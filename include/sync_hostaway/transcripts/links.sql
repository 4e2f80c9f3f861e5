-- name: core_exists
select to_regclass('hostaway.reservations') is not null and to_regclass('hostaway.listings') is not null

-- name: listings
select account_id, listing_id, listing_name, internal_listing_name
from hostaway.listings
where account_id = any(%(account_ids)s)

-- name: stays
-- Of listings with one name, and around one day: few rows, by the index.
select
    reservations.reservation_id,
    reservations.listing_id,
    reservations.arrival_date,
    reservations.guest_name,
    concat_ws(' ', reservations.guest_first_name, reservations.guest_last_name) as full_name,
    exists(
        select 1 from ops.erasures as erasures
        where
            erasures.account_id = reservations.account_id
            and erasures.kind = 'reservation'
            and erasures.entity_id = reservations.reservation_id::text
    ) as is_erased
from hostaway.reservations as reservations
where
    reservations.account_id = %(account_id)s
    and reservations.listing_id = any(%(listing_ids)s)
    and reservations.arrival_date <= %(day)s
    and reservations.departure_date >= %(day)s
order by reservations.reservation_id

-- name: erased_names
select entity_id as fingerprint from ops.erasures where account_id = %(account_id)s and kind = 'guest_name'
