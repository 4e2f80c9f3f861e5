-- name: reservation
select reservation_id
from hostaway.reservations
where account_id = %(account_id)s and reservation_id = %(reservation_id)s
