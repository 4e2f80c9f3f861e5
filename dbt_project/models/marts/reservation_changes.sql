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
        lag(history.known_from) over earlier as old_known_from,
        row_number() over earlier as place
    from {{ ref('reservation_history') }} as history
    window earlier as (partition by account_id, reservation_id order by version)
),

synced as (
    select
        versions.account_id,
        versions.reservation_id,
        versions.version,
        change.field,
        versions.listing_id,
        versions.known_from as changed_at,
        versions.known_from_date as changed_date,
        change.old_value,
        change.new_value,
        versions.old_known_from
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
),

-- Where the logs of reservations are mirrored. Fields that versions have, too, get their names and spellings.
named as (
    select
        logs.*,
        case
            when logs.log_source <> 'reservation' then logs.field_name
            when logs.field_name = 'listingMapId' then 'listing_id'
            when logs.field_name = 'arrivalDate' then 'arrival_date'
            when logs.field_name = 'departureDate' then 'departure_date'
            when logs.field_name = 'numberOfGuests' then 'number_of_guests'
            when logs.field_name = 'totalPrice' then 'total_price'
            else logs.field_name
        end as field
    from {{ ref('reservation_logs') }} as logs
    where not logs.is_deleted and logs.old_value is distinct from logs.new_value
),

-- Read twice; materialized, it would hold the logs of all accounts.
logged as not materialized (
    select
        account_id,
        reservation_id,
        log_source,
        reservation_log_id,
        listing_id,
        changed_at,
        changed_by_user_name as changed_by,
        field,
        {{ logged_value("field", "old_value") }} as old_value,
        {{ logged_value("field", "new_value") }} as new_value
    from named
),

final as (
    select
        account_id,
        reservation_id,
        version,
        field,
        listing_id,
        changed_at,
        changed_date,
        old_value,
        new_value,
        'sync' as source,
        null as log_source,
        null::bigint as reservation_log_id,
        null as changed_by
    from synced
    -- A change that the log has, too, is shown once, with the time and the user of the log.
    where
        not exists (
            select 1
            from logged
            where
                logged.account_id = synced.account_id
                and logged.reservation_id = synced.reservation_id
                and logged.field = synced.field
                and logged.new_value is not distinct from synced.new_value
                and logged.changed_at > synced.old_known_from - interval '1 minute'
                and logged.changed_at <= synced.changed_at + interval '1 minute'
        )
    union all
    select
        logged.account_id,
        logged.reservation_id,
        null as version,
        logged.field,
        logged.listing_id,
        logged.changed_at,
        (logged.changed_at at time zone coalesce(zone.name, 'UTC'))::date as changed_date,
        logged.old_value,
        logged.new_value,
        'log' as source,
        logged.log_source,
        logged.reservation_log_id,
        logged.changed_by
    from logged
    left join {{ ref('listings') }} as listings
        on logged.account_id = listings.account_id and logged.listing_id = listings.listing_id
    left join {{ local_zone("listings.time_zone_name", "zone") }} on true
)

select * from final
