with

versions as (
    select
        history.*,
        lag(history.status) over earlier as old_status,
        lag(history.listing_id) over earlier as old_listing_id,
        lag(history.arrival_date) over earlier as old_arrival_date,
        lag(history.departure_date) over earlier as old_departure_date,
        lag(history.number_of_guests) over earlier as old_number_of_guests,
        lag(history.total_price) over earlier as old_total_price,
        lag(history.currency) over earlier as old_currency,
        lag(history.is_deleted) over earlier as old_is_deleted,
        row_number() over earlier as place
    from {{ ref('reservation_history') }} as history
    window earlier as (partition by account_id, reservation_id order by version)
)

select
    versions.account_id,
    versions.reservation_id,
    versions.version,
    change.field,
    versions.listing_id,
    versions.known_from as changed_at,
    versions.known_from_date as changed_date,
    change.old_value,
    change.new_value
from versions
cross join
    lateral (
        values
        ('status', versions.old_status, versions.status),
        ('listing_id', versions.old_listing_id::text, versions.listing_id::text),
        ('arrival_date', versions.old_arrival_date::text, versions.arrival_date::text),
        ('departure_date', versions.old_departure_date::text, versions.departure_date::text),
        ('number_of_guests', versions.old_number_of_guests::text, versions.number_of_guests::text),
        ('total_price', trim_scale(versions.old_total_price)::text, trim_scale(versions.total_price)::text),
        ('currency', versions.old_currency, versions.currency),
        ('is_deleted', versions.old_is_deleted::text, versions.is_deleted::text)
    ) as change (field, old_value, new_value)
where versions.place > 1 and change.old_value is distinct from change.new_value
