with

-- one row per night, for any number of units of a listing
unsellable as (
    select distinct
        account_id,
        listing_id,
        date,
        minimum_stay,
        calendar_price,
        currency
    from {{ ref('listing_nights') }}
    where is_unsellable_by_rule and date >= current_date
),

-- nights in a row
orphans as (
    select
        account_id,
        listing_id,
        date,
        minimum_stay,
        calendar_price,
        currency,
        date - row_number() over (partition by account_id, listing_id order by date)::integer as run
    from unsellable
),

gaps as (
    select
        account_id,
        listing_id,
        'orphan_nights' as kind,
        min(date) as first_date,
        max(date) as last_date,
        count(*)::integer as nights,
        min(minimum_stay) as minimum_stay,
        sum(calendar_price) as asking_price,
        min(currency) as currency,
        null::text[] as missing
    from orphans
    group by account_id, listing_id, run
),

incomplete as (
    select
        listings.account_id,
        listings.listing_id,
        array_remove(
            array[
                case when listings.description is null then 'description' end,
                case when listings.house_rules is null then 'house_rules' end,
                case when listings.cancellation_policy is null then 'cancellation_policy' end,
                case when listings.latitude is null or listings.longitude is null then 'coordinates' end,
                case when listings.person_capacity is null then 'person_capacity' end,
                case when coalesce(listings.base_price, 0) <= 0 then 'base_price' end,
                case when listings.time_zone_name is null then 'time_zone_name' end,
                case when photos.photos < 10 then 'photos' end
            ],
            null
        ) as missing
    from {{ ref('listings') }} as listings
    cross join
        lateral (
            select count(*) as photos
            from {{ ref('listing_photos') }} as photos
            where
                photos.account_id = listings.account_id
                and photos.listing_id = listings.listing_id
                and not photos.is_deleted
        ) as photos
    where not listings.is_deleted and not listings.is_archived
)

select * from gaps
union all
select
    account_id,
    listing_id,
    'incomplete_listing' as kind,
    null as first_date,
    null as last_date,
    null as nights,
    null as minimum_stay,
    null as asking_price,
    null as currency,
    missing
from incomplete
where missing <> '{}'
