with

due as (
    {%- for resource in ["listings", "reservations", "conversations", "messages", "calendar_days"] %}
    {%- if not loop.first %}
    union
    {%- endif %}
    select '{{ resource }}' as resource, landed.account_id, landed.entity_id
    from {{ source('ops', 'claimed_loads') }} as claimed
    inner join {{ source('landing', resource) }} as landed on claimed.load_id = landed.load_id
    where claimed.resource = '{{ resource }}'
    {%- endfor %}
    union
    select resource, account_id, entity_id
    from {{ source('ops', 'held_rows') }}
),

listings as (
    select due.resource, due.account_id, due.entity_id, 'readable id' as missing_parent
    from due
    where due.resource = 'listings' and {{ text_as_bigint('due.entity_id') }} is null
),

reservations as (
    select
        due.resource,
        due.account_id,
        due.entity_id,
        case when landed.id is null then 'readable id' else 'listing ' || landed.parent end as missing_parent
    from due
    inner join lateral (
        select
            {{ text_as_bigint('due.entity_id') }} as id,
            {{ as_bigint('listingMapId') }} as parent
        from {{ source('landing', 'reservations') }} as landing
        where landing.account_id = due.account_id and landing.entity_id = due.entity_id
    ) as landed on true
    where
        due.resource = 'reservations'
        and (
            landed.id is null
            or (
                landed.parent is not null
                and not exists (
                    select 1 from {{ ref('listings') }} as parents
                    where due.account_id = parents.account_id and landed.parent = parents.listing_id
                )
            )
        )
),

conversations as (
    select
        due.resource,
        due.account_id,
        due.entity_id,
        case when landed.id is null then 'readable id' else 'reservation ' || landed.parent end as missing_parent
    from due
    inner join lateral (
        select
            {{ text_as_bigint('due.entity_id') }} as id,
            {{ as_bigint('reservationId') }} as parent
        from {{ source('landing', 'conversations') }} as landing
        where landing.account_id = due.account_id and landing.entity_id = due.entity_id
    ) as landed on true
    where
        due.resource = 'conversations'
        and (
            landed.id is null
            or (
                landed.parent is not null
                and not exists (
                    select 1 from {{ ref('reservations') }} as parents
                    where due.account_id = parents.account_id and landed.parent = parents.reservation_id
                )
            )
        )
),

messages as (
    select
        due.resource,
        due.account_id,
        due.entity_id,
        case
            when landed.id is null then 'readable id' else coalesce('conversation ' || landed.parent, 'conversation')
        end as missing_parent
    from due
    inner join lateral (
        select
            {{ text_as_bigint('due.entity_id') }} as id,
            coalesce(landing.parent_id, {{ as_bigint('conversationId') }}) as parent
        from {{ source('landing', 'messages') }} as landing
        where landing.account_id = due.account_id and landing.entity_id = due.entity_id
    ) as landed on true
    where
        due.resource = 'messages'
        and (
            landed.id is null
            or not exists (
                select 1 from {{ ref('conversations') }} as parents
                where due.account_id = parents.account_id and landed.parent = parents.conversation_id
            )
        )
),

calendar_days as (
    select
        due.resource,
        due.account_id,
        due.entity_id,
        case
            when landed.day is null then 'readable id' else coalesce('listing ' || landed.parent, 'listing')
        end as missing_parent
    from due
    inner join lateral (
        select
            {{ text_as_date("split_part(due.entity_id, ':', 2)") }} as day,
            coalesce(landing.parent_id, {{ text_as_bigint("split_part(due.entity_id, ':', 1)") }}) as parent
        from {{ source('landing', 'calendar_days') }} as landing
        where landing.account_id = due.account_id and landing.entity_id = due.entity_id
    ) as landed on true
    where
        due.resource = 'calendar_days'
        and (
            landed.day is null
            or not exists (
                select 1 from {{ ref('listings') }} as parents
                where due.account_id = parents.account_id and landed.parent = parents.listing_id
            )
        )
)

select * from listings
union all
select * from reservations
union all
select * from conversations
union all
select * from messages
union all
select * from calendar_days
