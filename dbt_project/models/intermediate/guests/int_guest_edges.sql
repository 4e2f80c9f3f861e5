select distinct
    one.node as near,
    other.node as far
from {{ ref('int_guest_nodes') }} as one
inner join {{ ref('int_guest_nodes') }} as other
    on one.account_id = other.account_id and one.reservation_id = other.reservation_id
