{{ config(
    unique_key=["account_id", "reservation_id"],
    indexes=[
        {"columns": ["account_id", "channel_key"]},
        {"columns": ["account_id", "email_key", "person_key"]},
        {"columns": ["account_id", "guest_id"]},
        {"columns": ["synced_at"]},
    ],
) }}

{#- Of each kind of identity: its column, and the column that says it merges nobody. -#}
{%- set kinds = {
    "channel": ["channel_key", "is_shared_channel"],
    "email": ["email_key", "is_shared_mailbox"],
} -%}

with recursive

due as materialized (
    select * from {{ pending('reservations', staging='stg_reservation_identities') }} as due
),

{{ admitted('reservations', 'present.reservation_id = due.reservation_id', may_name_none=true) }},

linkable as (
    select
        due.account_id,
        due.reservation_id,
        due.channel_key,
        due.email_key,
        due.name_key,
        due.person_key
    from admitted as due
    where due.reservation_id is not null
),

{% if is_incremental() %}

moved as materialized (
    select
        due.*,
        links.guest_id as old_guest_id,
        links.channel_key as old_channel_key,
        links.email_key as old_email_key
    from linkable as due
    left join {{ by_key(
        this,
        "links",
        "due.account_id = links.account_id and due.reservation_id = links.reservation_id",
    ) }} on true
    where
        links.reservation_id is null
        -- a changed project may have other rules of who is the same guest
        or (select clock.reads_all from {{ source("ops", "transform_clock") }} as clock)
        or (due.channel_key, due.email_key, due.name_key, due.person_key)
        is distinct from (links.channel_key, links.email_key, links.name_key, links.person_key)
),

{% for kind, (key, is_shared) in kinds.items() -%}
-- who uses it now, and whether it was shared: of a reservation that moved, what it was counts no more
{{ kind }}_users as (
    select
        links.account_id,
        links.{{ key }} as key,
        {%- for column in ("channel_key", "email_key", "name_key", "person_key") %}
        case when moved.reservation_id is null then links.{{ column }} end as {{ column }},
        {%- endfor %}
        links.{{ is_shared }} as was_shared
    from (
        select changed.account_id, changed.{{ key }} as key
        from moved as changed
        where changed.{{ key }} is not null
        union
        select changed.account_id, changed.old_{{ key }} as key
        from moved as changed
        where changed.old_{{ key }} is not null
    ) as touched
    cross join {{ by_key(this, "links", "touched.account_id = links.account_id and touched.key = links." ~ key) }}
    left join moved on links.account_id = moved.account_id and links.reservation_id = moved.reservation_id
    union all
    select
        moved.account_id,
        moved.{{ key }} as key,
        moved.channel_key,
        moved.email_key,
        moved.name_key,
        moved.person_key,
        false as was_shared
    from moved
    where moved.{{ key }} is not null
),

{{ kind }}_keys as materialized (
    select
        account_id,
        key,
        {{ is_of_many(kind) }} as is_shared,
        coalesce(bool_or(was_shared), false) as was_shared
    from {{ kind }}_users
    group by account_id, key
),

{% endfor -%}

-- Every guest whose reservations may now belong together differently: those who lose a reservation, those who share an
-- identity with one that moved, and all who use an identity that became, or ceased to be, one that merges nobody.
touched_guests as materialized (
    select moved.account_id, moved.old_guest_id as guest_id
    from moved
    where moved.old_guest_id is not null
    {%- for kind, (key, is_shared) in kinds.items() %}
    union
    select links.account_id, links.guest_id
    from {{ kind }}_keys
    cross join {{ by_key(
        this,
        "links",
        kind ~ "_keys.account_id = links.account_id and " ~ kind ~ "_keys.key = links." ~ key,
    ) }}
    where not ({{ kind }}_keys.is_shared and {{ kind }}_keys.was_shared)
    {%- endfor %}
),

candidates as (
    select
        moved.account_id,
        moved.reservation_id,
        moved.channel_key,
        moved.email_key,
        moved.name_key,
        moved.person_key,
        false as is_shared_channel,
        false as is_shared_mailbox
    from moved
    union all
    select
        links.account_id,
        links.reservation_id,
        links.channel_key,
        links.email_key,
        links.name_key,
        links.person_key,
        links.is_shared_channel,
        links.is_shared_mailbox
    from touched_guests
    cross join {{ by_key(
        this,
        "links",
        "touched_guests.account_id = links.account_id and touched_guests.guest_id = links.guest_id",
    ) }}
    where not exists (
        select 1 from moved
        where moved.account_id = links.account_id and moved.reservation_id = links.reservation_id
    )
),

{% else %}

candidates as (
    select linkable.*, false as is_shared_channel, false as is_shared_mailbox
    from linkable
),

{% for kind, (key, is_shared) in kinds.items() -%}
{{ kind }}_keys as (
    select
        account_id,
        {{ key }} as key,
        {{ is_of_many(kind) }} as is_shared
    from linkable
    where {{ key }} is not null
    group by account_id, {{ key }}
),

{% endfor -%}

{% endif -%}

people as materialized (
    select
        candidates.account_id,
        candidates.reservation_id,
        candidates.channel_key,
        candidates.email_key,
        candidates.name_key,
        candidates.person_key,
        coalesce(channel_keys.is_shared, candidates.is_shared_channel, false) as is_shared_channel,
        coalesce(email_keys.is_shared, candidates.is_shared_mailbox, false) as is_shared_mailbox
    from candidates
    left join channel_keys
        on candidates.account_id = channel_keys.account_id and candidates.channel_key = channel_keys.key
    left join email_keys
        on candidates.account_id = email_keys.account_id and candidates.email_key = email_keys.key
),

-- Identities are the nodes, numbered so that the smallest node has the smallest reservation; a reservation that has two
-- of them is the edge between them.
identities as materialized (
    select
        merging.account_id,
        merging.kind,
        merging.key,
        min(merging.reservation_id) as first_reservation_id,
        row_number() over (order by min(merging.reservation_id), merging.account_id, merging.kind, merging.key) as node
    from (
        {%- for kind, (key, is_shared) in kinds.items() %}
        {%- if not loop.first %}
        union all
        {%- endif %}
        select people.account_id, '{{ kind }}' as kind, people.{{ key }} as key, people.reservation_id
        from people
        where people.{{ key }} is not null and not people.{{ is_shared }}
        {%- endfor %}
    ) as merging
    group by merging.account_id, merging.kind, merging.key
),

nodes as materialized (
    select
        people.account_id,
        people.reservation_id,
        by_channel.node as channel_node,
        by_email.node as email_node
    from people
    left join identities as by_channel
        on
            people.account_id = by_channel.account_id
            and people.channel_key = by_channel.key
            and by_channel.kind = 'channel'
    left join identities as by_email
        on people.account_id = by_email.account_id and people.email_key = by_email.key and by_email.kind = 'email'
),

edges as materialized (
    select nodes.channel_node as near, nodes.email_node as far
    from nodes
    where nodes.channel_node is not null and nodes.email_node is not null
    union
    select nodes.email_node as near, nodes.channel_node as far
    from nodes
    where nodes.channel_node is not null and nodes.email_node is not null
    union
    select identities.node as near, identities.node as far
    from identities
),

-- Each round gives a node, and the node it was led by, the smallest leader among the neighbours, and then the leader of
-- that leader, until nothing changes. The distance to a leader shrinks by halves, so that rounds are few.
rounds (round, leaders) as (
    select 1 as round, array_agg(identities.node order by identities.node asc) as leaders
    from identities
    union all
    select hooked.round, jumped.leaders
    from rounds
    inner join lateral ( -- noqa: ST05
        select
            rounds.round + 1 as round,
            array(
                select min(rounds.leaders[edges.far])
                from edges
                inner join lateral (values (edges.near), (rounds.leaders[edges.near])) as told (node) on true
                group by told.node
                order by told.node asc
            ) as leaders
    ) as hooked on true
    inner join lateral (
        select array_agg(hooked.leaders[present.leader] order by present.node asc) as leaders
        from unnest(hooked.leaders) with ordinality as present (leader, node)
    ) as jumped on true
    where jumped.leaders <> rounds.leaders
),

settled as (
    select rounds.leaders
    from rounds
    order by rounds.round desc
    limit 1
),

guests as materialized (
    select present.node, identities.first_reservation_id as guest_id
    from settled
    cross join unnest(settled.leaders) with ordinality as present (leader, node)
    inner join identities on present.leader = identities.node
),

linked as (
    select
        people.account_id,
        people.reservation_id,
        coalesce(guests.guest_id, people.reservation_id) as guest_id,
        people.channel_key,
        people.email_key,
        people.name_key,
        people.person_key,
        people.is_shared_channel,
        people.is_shared_mailbox
    from people
    inner join nodes on people.account_id = nodes.account_id and people.reservation_id = nodes.reservation_id
    left join guests on coalesce(nodes.channel_node, nodes.email_node) = guests.node
),

final as (
    select
        linked.account_id,
        linked.reservation_id,
        linked.guest_id,
        linked.channel_key,
        linked.email_key,
        linked.name_key,
        linked.person_key,
        linked.is_shared_channel,
        linked.is_shared_mailbox,
        -- a guest who loses a reservation is seen to have changed by this alone
        (count(*) over (partition by linked.account_id, linked.guest_id))::integer as guest_reservations,
        {{ transform_at() }} as synced_at
    from linked
)

select * from final
