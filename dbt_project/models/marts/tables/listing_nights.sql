{#- Long, because it has every rule of a night: other marts sum these rows. -#}
{%- set revenues = ["gross_revenue", "revenue_ex_tax", "accommodation_revenue", "net_revenue"] -%}
-- depends_on: {{ ref("int_listings_due") }}
{{ config(
    unique_key=["account_id", "listing_id", "date", "unit_number"],
    rebuilt_for={"model": "int_listings_due", "columns": ["account_id", "listing_id"]},
    indexes=[
        {"columns": ["account_id", "date"]},
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

with

due as materialized (
    select account_id, listing_id
    from {{ ref('int_listings_due') if is_incremental() else ref('listings') }}
),

-- Of one listing after the other: its nights are sorted and joined in memory, and need no listing in the keys of joins.
-- Those of all listings together would be written to disk several times.
nights as (
    select night.*
    from due
    cross join
        lateral ( -- noqa: ST05
            with

            listings as materialized (
                select
                    listings.account_id,
                    listings.listing_id,
                    listings.currency,
                    listings.deleted_at,
                    zone.name as zone,
                    (listings.deleted_at at time zone zone.name)::date as left_on
                from {{ ref('listings') }} as listings
                cross join {{ local_zone("listings.time_zone_name", "zone") }}
                where listings.account_id = due.account_id and listings.listing_id = due.listing_id
            ),

            versions as materialized (
                select
                    versions.account_id,
                    listings.listing_id,
                    listings.zone,
                    {{ as_text('currencyCode', 'versions.facts') }} as currency,
                    versions.deleted_at,
                    versions.superseded_at,
                    lag(versions.superseded_at) over newest_last as valid_from
                from listings
                cross join {{ lateral_lookup(
                    source('history', 'listing_versions'),
                    "versions",
                    "versions.account_id = listings.account_id and versions.entity_id = listings.listing_id::text",
                ) }}
                window newest_last as (order by versions.superseded_at)
            ),

            -- the currency of a listing at that time: past nights keep it
            currencies as (
                select
                    account_id,
                    listing_id,
                    currency,
                    daterange((valid_from at time zone zone)::date, (superseded_at at time zone zone)::date) as dates
                from versions
                union all
                select
                    listings.account_id,
                    listings.listing_id,
                    listings.currency,
                    daterange((max(versions.superseded_at) at time zone listings.zone)::date, null) as dates
                from listings
                left join versions
                    on listings.account_id = versions.account_id and listings.listing_id = versions.listing_id
                group by listings.account_id, listings.listing_id, listings.currency, listings.zone
            ),

            -- times without the listing: it left, and may have come back
            absences as (
                select account_id, listing_id, zone, deleted_at, greatest(deleted_at, superseded_at) as returned_at
                from versions
                where deleted_at is not null
                union all
                select account_id, listing_id, zone, deleted_at, null as returned_at
                from listings
                where deleted_at is not null
            ),

            away as (
                select
                    account_id,
                    listing_id,
                    range_agg(
                        daterange((deleted_at at time zone zone)::date, (returned_at at time zone zone)::date)
                    ) as dates
                from absences
                group by account_id, listing_id
            ),

            archives as (
                select
                    listings.account_id,
                    listings.listing_id,
                    range_agg(
                        daterange(
                            (archives.archived_at at time zone listings.zone)::date,
                            (archives.restored_at at time zone listings.zone)::date
                        )
                    ) as dates
                from listings
                cross join {{ lateral_lookup(
                    source('ops', 'listing_archives'),
                    "archives",
                    "archives.account_id = listings.account_id and archives.listing_id = listings.listing_id::text",
                ) }}
                group by listings.account_id, listings.listing_id
            ),

            -- Past days that are deleted later were nights of the listing: it left afterwards.
            days as materialized (
                select days.*
                from listings
                cross join {{ lateral_lookup(
                    ref('calendar_days'),
                    "days",
                    "days.account_id = listings.account_id and days.listing_id = listings.listing_id",
                ) }}
                where not days.is_deleted or days.date < (days.deleted_at at time zone listings.zone)::date
            ),

            -- A deleted stay does not count, unless its listing was deleted, too: then its nights until then stay.
            stays as materialized (
                select
                    stays.account_id,
                    stays.listing_id,
                    stays.reservation_id,
                    stays.status_group,
                    stays.channel_id,
                    stays.channel_name,
                    stays.arrival_date,
                    stays.departure_date - stays.arrival_date as nights,
                    case when stays.is_deleted then (absence.deleted_at at time zone listings.zone)::date end
                        as left_on,
                    stays.arrival_date - (stays.booked_at at time zone listings.zone)::date as booking_window_days,
                    money.currency,
                    money.gross_revenue,
                    money.revenue_ex_tax,
                    money.accommodation_revenue,
                    money.net_revenue,
                    money.cancellation_payout,
                    money.units
                from listings
                cross join {{ lateral_lookup(
                    ref('reservations'),
                    "stays",
                    "stays.account_id = listings.account_id and stays.listing_id = listings.listing_id",
                ) }}
                cross join {{ lateral_lookup(
                    ref('int_reservation_money'),
                    "money",
                    "money.account_id = stays.account_id and money.reservation_id = stays.reservation_id",
                ) }}
                left join lateral (
                    select absences.deleted_at
                    from absences
                    where
                        stays.is_deleted
                        and absences.account_id = stays.account_id
                        and absences.listing_id = stays.listing_id
                        and stays.deleted_at >= absences.deleted_at - interval '1 day'
                        and (absences.returned_at is null or stays.deleted_at < absences.returned_at)
                    order by absences.deleted_at
                    limit 1
                ) as absence on true
                where
                    (stays.status_group in ('booking', 'owner_stay') or money.is_cancelled_booking)
                    and stays.departure_date > stays.arrival_date
                    -- no stay of a guest is longer; a wrong year would create thousands of nights
                    and stays.departure_date - stays.arrival_date <= 1100
                    and (not stays.is_deleted or absence.deleted_at is not null)
            ),

            -- one row per night and unit of a stay
            nights_of_stays as materialized (
                select
                    stays.account_id,
                    stays.listing_id,
                    stays.arrival_date + night.place as date,
                    stays.reservation_id,
                    stays.status_group,
                    stays.channel_id,
                    stays.channel_name,
                    stays.currency,
                    case when stays.cancellation_payout is not null then stays.currency end as kept_in,
                    stays.nights,
                    stays.booking_window_days,
                    stays.gross_revenue as stay_value,
                    unit.place = 0 and night.place = 0 as is_arrival,
                    {%- for amount in revenues + ["cancellation_payout"] %}
                    {{ share_of("stays." ~ amount, "part.place", "part.parts") }} as {{ amount }},
                    {%- endfor %}
                    row_number() over (
                        partition by stays.arrival_date + night.place, stays.status_group
                        order by stays.arrival_date, stays.reservation_id, unit.place
                    ) as place
                from stays
                cross join generate_series(0, stays.nights - 1) as night (place)
                cross join generate_series(0, stays.units - 1) as unit (place)
                cross join
                    lateral ( -- noqa: ST05
                        select night.place * stays.units + unit.place as place, stays.nights * stays.units as parts
                    ) as part
                where stays.left_on is null or stays.arrival_date + night.place < stays.left_on
            ),

            cancelled as (
                select
                    account_id,
                    listing_id,
                    date,
                    count(*) as cancelled_nights,
                    case when min(kept_in) <> max(kept_in) then 'several' else max(kept_in) end as currency,
                    case when min(kept_in) = max(kept_in) then sum(cancellation_payout) end as cancellation_payout
                from nights_of_stays
                where status_group = 'cancelled'
                group by account_id, listing_id, date
            ),

            taken as (
                select
                    account_id,
                    listing_id,
                    date,
                    count(*) filter (where status_group = 'booking') as booked,
                    count(*) filter (where status_group = 'owner_stay') as owner
                from nights_of_stays
                where status_group <> 'cancelled'
                group by account_id, listing_id, date
            ),

            -- From the first booked or mirrored night on; no calendar covers the time before the first sync.
            calendars as (
                select
                    account_id,
                    listing_id,
                    min(date) as first_date,
                    max(date) as last_date,
                    (array_agg(unit_count order by date))[1] as units
                from days
                group by account_id, listing_id
            ),

            first_stays as (
                select account_id, listing_id, min(date) as arrival_date, max(date) as last_night
                from taken
                group by account_id, listing_id
            ),

            spans as (
                select
                    listings.account_id,
                    listings.listing_id,
                    calendars.units,
                    coalesce(calendars.first_date, first_stay.last_night + 1) as first_date,
                    coalesce(calendars.last_date, first_stay.last_night) as last_date,
                    -- at most ten years back; a wrong year would create thousands of nights
                    case
                        when first_stay.arrival_date is not null
                            then greatest(
                                first_stay.arrival_date,
                                coalesce(calendars.first_date, first_stay.last_night) - 3653
                            )
                    end as first_stay_date,
                    listings.left_on
                from listings
                left join calendars
                    on listings.account_id = calendars.account_id and listings.listing_id = calendars.listing_id
                left join first_stays as first_stay
                    on listings.account_id = first_stay.account_id and listings.listing_id = first_stay.listing_id
            ),

            days_with_next as (
                select
                    account_id,
                    listing_id,
                    date,
                    coalesce(lead(date) over (order by date) - date, 1) as days_to_next
                from days
            ),

            -- Nights in which the listing existed: those of the calendar, those before it from the first stay on, and
            -- gaps between two of its days of less than a year, in which no sync ran.
            dates_of_listings as (
                select spans.account_id, spans.listing_id, spans.first_stay_date + day.place as date
                from spans
                cross join generate_series(0, spans.first_date - spans.first_stay_date - 1) as day (place)
                union all
                select days.account_id, days.listing_id, days.date + day.place as date
                from days_with_next as days
                cross join generate_series(0, case when days.days_to_next <= 366 then days.days_to_next - 1 else 0 end)
                    as day (place)
            ),

            -- Not joined: PostgreSQL expects few of these rows, and would compare all dates with each other.
            facts as (
                select
                    account_id,
                    listing_id,
                    date,
                    null::boolean as is_in_span,
                    price,
                    minimum_stay,
                    unit_count,
                    units_to_sell,
                    reserved_units,
                    blocked_units,
                    is_available,
                    is_closed_on_arrival,
                    true as is_mirrored,
                    null::bigint as booked,
                    null::bigint as owner,
                    null::bigint as cancelled_nights,
                    null::numeric as cancellation_payout,
                    null::text as cancelled_currency
                from days
                union all
                select
                    dates.account_id, dates.listing_id, dates.date, true as is_in_span{{ ", null" * 14 }}
                from dates_of_listings as dates
                where coalesce(dates.date < (select spans.left_on from spans), true)
                union all
                select
                    account_id, listing_id, date, false as is_in_span,
                    {{ "null, " * 9 }}booked, owner{{ ", null" * 3 }}
                from taken
                union all
                select
                    account_id, listing_id, date, false as is_in_span,
                    {{ "null, " * 11 }}cancelled_nights, cancellation_payout, currency
                from cancelled
            ),

            dates as (
                select
                    account_id,
                    listing_id,
                    date,
                    bool_or(is_in_span) as is_in_span,
                    max(price) as price,
                    max(minimum_stay) as minimum_stay,
                    max(unit_count) as unit_count,
                    max(units_to_sell) as units_to_sell,
                    max(reserved_units) as reserved_units,
                    max(blocked_units) as blocked_units,
                    bool_or(is_available) as is_available,
                    bool_or(is_closed_on_arrival) as is_closed_on_arrival,
                    coalesce(bool_or(is_mirrored), false) as is_mirrored,
                    count(booked) > 0 as is_taken,
                    coalesce(max(booked), 0) as booked,
                    coalesce(max(owner), 0) as owner,
                    max(cancelled_nights) as cancelled_nights,
                    max(cancellation_payout) as cancellation_payout,
                    max(cancelled_currency) as cancelled_currency
                from facts
                group by account_id, listing_id, date
                -- no calendar days after the listing left
                having count(is_in_span) > 0
            ),

            counted as (
                select
                    dates.account_id,
                    dates.listing_id,
                    dates.date,
                    dates.is_mirrored,
                    dates.price,
                    dates.minimum_stay,
                    coalesce(dates.is_closed_on_arrival, false) as is_closed_on_arrival,
                    coalesce((select archives.dates from archives) @> dates.date, false) as is_archived,
                    dates.booked,
                    dates.owner,
                    greatest(
                        least(coalesce(dates.unit_count, (select spans.units from spans), 1), 500),
                        dates.booked + dates.owner,
                        1
                    ) as units,
                    dates.units_to_sell,
                    dates.reserved_units,
                    coalesce(dates.blocked_units, 0) as blocked_units,
                    case
                        when not dates.is_mirrored then true
                        -- isAvailable is only valid for listings with one unit
                        when dates.unit_count > 1 and dates.units_to_sell is not null then true
                        else coalesce(dates.is_available, false)
                    end as is_available,
                    dates.is_in_span,
                    dates.cancelled_nights,
                    dates.cancellation_payout,
                    dates.cancelled_currency,
                    (select spans.last_date from spans) as last_date
                from dates
                where
                    dates.is_mirrored
                    or dates.is_taken
                    or not coalesce((select away.dates from away) @> dates.date, false)
            ),

            free as (
                select
                    counted.*,
                    case
                        when not counted.is_available or counted.is_archived or not counted.is_in_span then 0
                        -- a booking that is not in the calendar yet takes one of its free units
                        else greatest(
                            least(
                                counted.units
                                - counted.booked
                                - counted.owner
                                - case when counted.units_to_sell is null then counted.blocked_units else 0 end,
                                counted.units_to_sell
                                - greatest(
                                    counted.booked
                                    + counted.owner
                                    - coalesce(counted.reserved_units, counted.booked + counted.owner),
                                    0
                                )
                            ),
                            0
                        )
                    end as free
                from counted
                limit all offset 0 -- noqa: AM09
            ),

            -- Sequences of free nights. A stay can begin on a night if the rest of the sequence is as long as the
            -- minimum stay.
            runs as (
                select
                    free.*,
                    free.free > 0 as is_free,
                    free.date - row_number() over (
                        partition by free.free > 0 order by free.date
                    )::integer as run
                from free
            ),

            runs_with_ends as (
                select
                    *,
                    not is_closed_on_arrival
                    and (
                        coalesce(minimum_stay, 1) <= max(date) over same_run - date + 1
                        -- the night after the last one is not known
                        or max(date) over same_run >= last_date
                    ) as can_begin
                from runs
                window same_run as (partition by is_free, run)
            ),

            sellable as (
                select
                    *,
                    coalesce(
                        date >= min(date) filter (where can_begin) over (partition by is_free, run), false
                    ) as is_sellable
                from runs_with_ends
            ),

            -- One text as the key of the join: with several columns, PostgreSQL would compare all nights.
            keyed_nights_of_stays as materialized (
                select
                    *,
                    concat_ws(' ', date, status_group, place) as stay_key
                from nights_of_stays
                where status_group <> 'cancelled'
            ),

            -- In the select list, because a join with a series takes longer for each night.
            numbered as (
                select
                    *,
                    generate_series(1, units)::integer as unit_number
                from sellable
            ),

            units as (
                select
                    free.*,
                    case
                        when free.unit_number <= free.booked then 'booked'
                        when free.unit_number <= free.booked + free.owner then 'owner_stay'
                        when free.unit_number <= free.booked + free.owner + free.free then 'available'
                        else 'hold'
                    end as night_status,
                    case
                        when free.unit_number <= free.booked
                            then concat_ws(' ', free.date, 'booking', free.unit_number)
                        when free.unit_number <= free.booked + free.owner
                            then concat_ws(' ', free.date, 'owner_stay', free.unit_number - free.booked)
                    end as stay_key
                from numbered as free
                -- beyond the calendar, only stays are known
                where free.is_in_span or free.unit_number <= greatest(free.booked + free.owner, 1)
                limit all offset 0 -- noqa: AM09
            )

            select
                ---------- ids
                units.account_id,
                units.listing_id,
                units.date,
                units.unit_number,
                stay.reservation_id,
                stay.channel_id,

                ---------- text
                case
                    when not units.is_in_span and stay.reservation_id is null then 'unknown'
                    else units.night_status
                end as night_status,
                case when units.is_mirrored then 'calendar' else 'reservations' end as night_source,
                stay.channel_name,
                coalesce(stay.currency, currencies.currency) as currency,

                ---------- booleans
                units.night_status = 'available' and not units.is_sellable as is_unsellable_by_rule,
                units.is_archived,
                coalesce(stay.is_arrival, false) as is_arrival,

                ---------- numerics
                units.minimum_stay,
                case when stay.is_arrival then stay.nights end as nights_of_stay,
                case when stay.is_arrival then stay.booking_window_days end as booking_window_days,
                case when units.unit_number = 1 then coalesce(units.cancelled_nights, 0) else 0 end::integer
                    as cancelled_nights,

                ---------- money
                units.price as calendar_price,
                case when stay.is_arrival then stay.stay_value end as stay_value,
                {%- for revenue in revenues %}
                case when units.night_status = 'booked' then stay.{{ revenue }} end as {{ revenue }},
                {%- endfor %}
                case when units.unit_number = 1 then units.cancellation_payout end as cancellation_payout,
                case when units.unit_number = 1 then units.cancelled_currency end as cancellation_currency
            from units
            left join keyed_nights_of_stays as stay on units.stay_key = stay.stay_key
            left join currencies on currencies.dates @> units.date
        ) as night
)

select
    *,
    {{ current_transform_at() }} as synced_at
from nights
