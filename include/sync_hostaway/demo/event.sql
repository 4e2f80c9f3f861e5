-- name: any_reservation
-- A random one, so that repeated calls change different reservations.
select account_id, reservation_id
from hostaway.reservations
where account_id = any(%(accounts)s::bigint[]) and not is_deleted
order by synced_at, account_id, reservation_id
limit 1

-- name: is_visible
select account_id
from hostaway.reservations
where account_id = %(account_id)s and reservation_id = %(reservation_id)s and host_note = %(note)s

-- name: newest_event
select state, reason
from ops.webhook_events
where account_id = %(account_id)s and object = 'reservation' and object_id = %(reservation_id)s
order by event_id desc
limit 1
