-- Not a self-join of the nodes: PostgreSQL expects few of them, and would compare each with each.
with

nodes_of_reservations as (
    select
        account_id,
        reservation_id,
        array_agg(node) as nodes
    from {{ ref('int_guest_nodes') }}
    group by account_id, reservation_id
)

select distinct
    one.node as near,
    other.node as far
from nodes_of_reservations
cross join unnest(nodes_of_reservations.nodes) as one (node)
cross join unnest(nodes_of_reservations.nodes) as other (node)
