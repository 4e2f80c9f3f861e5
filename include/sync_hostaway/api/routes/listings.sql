-- name: listings
select
    listing_id,
    listing_name,
    internal_listing_name,
    room_type,
    country_code,
    city,
    public_address,
    time_zone_name,
    currency,
    base_price,
    person_capacity,
    bedrooms,
    beds,
    bathrooms,
    min_nights,
    max_nights,
    check_in_hour_start,
    check_in_hour_end,
    check_out_hour,
    is_instant_bookable,
    is_archived,
    thumbnail_url
from hostaway.listings
where account_id = %(account_id)s and listing_id > %(after)s and not is_deleted
order by listing_id
limit %(rows)s
