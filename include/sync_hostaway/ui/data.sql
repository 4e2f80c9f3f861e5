-- name: nights
-- The nights of the next two months of the listings, those with most bookings first.
select
    listings.listing_id,
    coalesce(listings.listing_name, listings.listing_id::text) as listing_name,
    array_agg(days.date order by days.date) as dates,
    array_agg(
        case
            when days.is_available then 'free'
            when days.status in ('reserved', 'pending', 'mreserved') then 'booked'
            else 'blocked'
        end order by days.date
    ) as states
from hostaway.listings as listings
inner join hostaway.calendar_days as days
    on listings.account_id = days.account_id and listings.listing_id = days.listing_id
where
    listings.account_id = %(account_id)s
    and not listings.is_deleted
    and not listings.is_archived
    and not days.is_deleted
    and days.date >= current_date
    and days.date < current_date + 60
group by listings.listing_id, listings.listing_name
order by count(*) filter (where not days.is_available) desc, listings.listing_id
limit 40

-- name: pace
-- Bookings by the day on which they were made.
select
    (booked_at at time zone 'UTC')::date as day,
    count(*) as bookings,
    sum(nights) as nights
from hostaway.reservations
where
    account_id = %(account_id)s
    and is_booking
    and not is_deleted
    and booked_at >= date_trunc('day', now(), 'UTC') - interval '59 days'
group by 1
order by 1

-- name: unanswered
-- The last message is the guest's. Conversations of stays that ended long ago are left out.
select conversation_id, reservation_id, listing_id, last_received_at
from hostaway.conversations
where
    account_id = %(account_id)s
    and not is_deleted
    and last_received_at > coalesce(last_sent_at, '-infinity')
    and last_received_at > now() - interval '30 days'
order by last_received_at
