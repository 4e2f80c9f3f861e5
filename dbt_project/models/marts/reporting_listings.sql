with

described as (
    select
        listings.account_id,
        listings.listing_id,
        listings.listing_name,
        listings.currency,
        array(
            select distinct {{ as_text('name', 'item.payload') }}
            from jsonb_array_elements({{ as_list("listings.pms_meta -> 'listingTags'") }}) as item (payload)
            where {{ as_text('name', 'item.payload') }} is not null
            order by 1 -- noqa: AM06
        ) as tags,
        array(
            select groups.group_name
            from {{ source('ops', 'listing_groups') }} as groups
            where groups.account_id = listings.account_id and groups.listing_id = listings.listing_id
            order by 1 -- noqa: AM06
        ) as groups,
        listings.is_archived,
        listings.is_deleted
    from {{ ref('listings') }} as listings
),

filters as (
    select
        described.account_id,
        described.listing_id,
        count(*) filter (where not filters.is_included) as exclusions,
        count(*) filter (where filters.is_included) as inclusions
    from described
    inner join {{ source('ops', 'listing_filters') }} as filters
        on
            described.account_id = filters.account_id
            and case filters.kind
                when 'listing' then filters.value = described.listing_id::text
                when 'tag' then filters.value = any(described.tags)
                else filters.value = any(described.groups)
            end
    group by described.account_id, described.listing_id
),

selective_accounts as (
    select distinct account_id from {{ source('ops', 'listing_filters') }}
    where is_included
)

select
    described.account_id,
    described.listing_id,
    described.listing_name,
    described.currency,
    described.tags,
    described.groups,
    described.is_archived,
    described.is_deleted,
    coalesce(filters.exclusions, 0) = 0
    and (selective_accounts.account_id is null or coalesce(filters.inclusions, 0) > 0) as is_included
from described
left join filters on described.account_id = filters.account_id and described.listing_id = filters.listing_id
left join selective_accounts on described.account_id = selective_accounts.account_id
