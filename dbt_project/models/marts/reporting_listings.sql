select
    listings.account_id,
    listings.listing_id,
    listings.listing_name,
    listings.currency,
    tagged.tags,
    grouped.groups,
    listings.is_archived,
    listings.is_deleted,
    filtered.exclusions = 0 and (filtered.inclusions > 0 or not filtered.is_selective) as is_included
from {{ ref('listings') }} as listings
-- per listing, so that a query of one account reads only its rows
cross join
    lateral ( -- noqa: ST05
        select
            array(
                select named.tag_name
                from {{ ref('listing_tags') }} as named
                where
                    named.account_id = listings.account_id
                    and named.listing_id = listings.listing_id
                    -- a listing that is deleted keeps its last tags
                    and named.is_deleted = listings.is_deleted
                order by named.tag_name -- noqa: AM06
            ) as tags
    ) as tagged
cross join
    lateral ( -- noqa: ST05
        select
            array(
                select named.group_name
                from {{ source('ops', 'listing_groups') }} as named
                where named.account_id = listings.account_id and named.listing_id = listings.listing_id
                order by named.group_name -- noqa: AM06
            ) as groups
    ) as grouped
cross join
    lateral (
        select
            count(*) filter (where fits.is_match and not filters.is_included) as exclusions,
            count(*) filter (where fits.is_match and filters.is_included) as inclusions,
            coalesce(bool_or(filters.is_included), false) as is_selective
        from {{ source('ops', 'listing_filters') }} as filters
        cross join
            lateral (
                select
                    case filters.kind
                        when 'listing' then filters.value = listings.listing_id::text
                        when 'tag' then filters.value = any(tagged.tags)
                        else filters.value = any(grouped.groups)
                    end as is_match
            ) as fits
        where filters.account_id = listings.account_id
    ) as filtered
