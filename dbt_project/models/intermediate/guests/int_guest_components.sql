-- noqa: disable=AM04
with recursive

nodes as (
    select distinct node, first_reservation_id
    from {{ ref('int_guest_nodes') }}
),

edges as materialized (
    select * from {{ ref('int_guest_edges') }}
),

-- Connected components. In each round, a node and its leader get the smallest leader among the neighbours, and then the
-- leader of that leader, until no leader changes. The distance to the leader is halved in each round, so there are few
-- rounds. Node n is at place n of the array.
rounds (round, leaders) as (
    select 1 as round, array_agg(nodes.node order by nodes.node asc) as leaders
    from nodes
    union all
    select hooked.round, jumped.leaders
    from rounds
    inner join lateral ( -- noqa: ST05
        select
            rounds.round + 1 as round,
            array(
                select min(rounds.leaders[edges.far])
                from edges
                inner join lateral (values (edges.near), (rounds.leaders[edges.near])) as led (node) on true
                group by led.node
                order by led.node asc
            ) as leaders
    ) as hooked on true
    inner join lateral (
        select array_agg(hooked.leaders[present.leader] order by present.node asc) as leaders
        from unnest(hooked.leaders) with ordinality as present (leader, node)
    ) as jumped on true
    where jumped.leaders <> rounds.leaders
),

last_round as materialized (
    select
        rounds.leaders,
        (select array_agg(nodes.first_reservation_id order by nodes.node asc) from nodes) as first_reservation_ids
    from rounds
    order by rounds.round desc
    limit 1
),

-- All nodes of a reservation are in one component, which has the id of its smallest reservation.
components_of_reservations as (
    select
        nodes.account_id,
        nodes.reservation_id,
        min(last_round.first_reservation_ids[last_round.leaders[nodes.node]]) as component_id
    from {{ ref('int_guest_nodes') }} as nodes
    cross join last_round
    group by nodes.account_id, nodes.reservation_id
)

select
    candidates.*,
    coalesce(components_of_reservations.component_id, candidates.reservation_id) as component_id
from {{ ref('int_guest_candidates') }} as candidates
left join components_of_reservations
    on
        candidates.account_id = components_of_reservations.account_id
        and candidates.reservation_id = components_of_reservations.reservation_id
