-- name: is_without_change
with claimed as materialized (
    select
        landed.account_id,
        case when landed.entity_id ~ '^[0-9]{{1,18}}$' then landed.entity_id::bigint end as id,
        landed.payload
    from ops.claimed_loads as loads
    cross join lateral (
        select * from {landed} as landed where landed.load_id = loads.load_id limit all offset 0
    ) as landed
    where loads.resource = %(resource)s
    limit 1001
)

select
    (select count(*) <= 1000 from claimed)
    and not exists (select 1 from ops.deferred_rows where resource = %(resource)s)
    and not exists (
        select 1
        from claimed
        cross join unnest(%(lists)s::text[]) as list (name)
        where not ops.is_nothing(claimed.payload -> list.name)
    )
    and not exists (
        select 1
        from claimed
        cross join lateral (
            select 1
            from {present} as present
            where present.account_id = claimed.account_id and present.{parent_id} = claimed.id
            limit all offset 0
        ) as rows_present
    ) as is_without_change
