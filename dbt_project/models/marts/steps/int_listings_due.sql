-- Listings of which a row has changed since the marts were built; all, when every row is read again.
with

clock as materialized (
    select
        marts.last_success_at,
        case when transforms.full_rebuild then '-infinity' else marts.last_success_at end as since
    from {{ source('ops', 'current_marts_build') }} as marts
    cross join {{ source('ops', 'current_transform') }} as transforms
),

accounts as (
    select distinct account_id from {{ ref('listings') }}
),

-- Per account, because an index finds its changed rows.
changed_reservations as (
    select
        changed.account_id,
        changed.reservation_id,
        changed.listing_id
    from accounts
    cross join {{ lateral_lookup(
        ref('reservations'),
        "changed",
        "changed.account_id = accounts.account_id and changed.synced_at > (select clock.last_success_at from clock)",
    ) }}
),

due as (
    select account_id, listing_id
    from {{ ref('listings') }}
    where synced_at > (select clock.since from clock)
    union
    select changed.account_id, changed.listing_id
    from accounts
    cross join {{ lateral_lookup(
        ref('calendar_days'),
        "changed",
        "changed.account_id = accounts.account_id and changed.synced_at > (select clock.last_success_at from clock)",
    ) }}
    union
    select account_id, listing_id from changed_reservations
    union
    select changed.account_id, changed.listing_id
    from accounts
    cross join {{ lateral_lookup(
        ref('reservation_finance'),
        "changed",
        "changed.account_id = accounts.account_id and changed.synced_at > (select clock.last_success_at from clock)",
    ) }}
    union
    -- the listing that a reservation has left
    select changed_reservations.account_id, {{ as_bigint("listingMapId", "versions.facts") }}
    from changed_reservations
    cross join {{ lateral_lookup(
        source('history', 'reservation_versions'),
        "versions",
        "versions.account_id = changed_reservations.account_id"
        " and versions.entity_id = changed_reservations.reservation_id::text",
    ) }}
)

select due.account_id, due.listing_id
from due
inner join {{ ref('listings') }} as listings
    on due.account_id = listings.account_id and due.listing_id = listings.listing_id
