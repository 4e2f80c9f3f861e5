-- name: listing
select currency
from hostaway.listings
where account_id = %(account_id)s and listing_id = %(listing_id)s and not is_deleted

-- name: days
select
    date,
    is_available,
    status,
    price,
    minimum_stay,
    maximum_stay,
    least(units_to_sell, unit_count) as available_units,
    is_closed_on_arrival,
    is_closed_on_departure
from hostaway.calendar_days
where
    account_id = %(account_id)s
    and listing_id = %(listing_id)s
    and date between %(start)s and %(end)s
    and not is_deleted
order by date
