{#-
    One file, though a long one: the steps are one recursive query over the reservations that a transform touches, and a
    table for each step would have to be kept in step with the others.

    1. `moved`: reservations whose evidence is new. `resolved_guests`: guests that may be affected.
    2. `components`: reservations that share an identity and the name, directly or through others.
    3. `pointers`: a component with a short name, or with none, belongs to the only one it can belong to.
-#}
{{ config(
    unique_key=["account_id", "reservation_id"],
    pre_hook="{{ with_evidence_columns() }}",
    indexes=[
        {"columns": ["account_id", "channel_key"]},
        {"columns": ["account_id", "email_key"]},
        {"columns": ["account_id", "phone_key"]},
        {"columns": ["account_id", "guest_id"]},
        {"columns": ["synced_at"]},
    ],
) }}

{%- set kinds = identity_kinds() -%}
{#- Kinds that join a component without the same name: a phone number alone is too weak for it. -#}
{%- set strong_kinds = ["channel", "email"] -%}
{%- set evidence = evidence_columns() -%}

with recursive

due as materialized (
    select * from {{ pending('reservations', staging='stg_reservation_identities') }} as due
),

{{ admitted('reservations', 'present.reservation_id = due.reservation_id', may_name_none=true) }},

linkable as materialized (
    select
        {% for column in evidence -%}
        due.{{ column }},
        {% endfor -%}
        due.account_id,
        due.reservation_id
    from admitted as due
    where due.reservation_id is not null
),

{% if is_incremental() %}

moved as materialized (
    select
        due.*,
        links.guest_id as old_guest_id,
        links.channel_key as old_channel_key,
        links.email_key as old_email_key,
        links.phone_key as old_phone_key
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
        or (due.{{ evidence | join(", due.") }})
        is distinct from (links.{{ evidence | join(", links.") }})
),

{% for kind, (key, is_shared) in kinds.items() -%}
-- who uses it now, and whether it was shared: of a reservation that moved, what it was counts no more
{{ kind }}_users as (
    select
        links.account_id,
        links.{{ key }} as key,
        {%- for column in evidence %}
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
        {%- for column in evidence %}
        moved.{{ column }},
        {%- endfor %}
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

-- Guests whose components may be others now: those who lose a reservation, those who share an identity with one that
-- moved, and all who use an identity that became, or ceased to be, one that merges nobody.
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

-- What a component points to depends on the components beside it. So the guests beside the touched ones are resolved,
-- too, and those beside them are looked at.
{% for near, far in [("touched_guests", "resolved_guests"), ("resolved_guests", "seen_guests")] -%}
{{ far }} as materialized (
    select guests.account_id, guests.guest_id
    from {{ near }} as guests
    {%- for kind in strong_kinds %}
    {%- set key, is_shared = kinds[kind] %}
    union
    select others.account_id, others.guest_id
    from (
        select distinct links.account_id, links.{{ key }} as key
        from {{ near }} as guests
        cross join {{ by_key(
            this, "links", "guests.account_id = links.account_id and guests.guest_id = links.guest_id"
        ) }}
        where links.{{ key }} is not null and not coalesce(links.{{ is_shared }}, false)
    ) as used
    cross join {{ by_key(this, "others", "used.account_id = others.account_id and used.key = others." ~ key) }}
    {%- endfor %}
),

{% endfor -%}

candidates as (
    select
        moved.account_id,
        moved.reservation_id,
        {% for column in evidence -%}
        moved.{{ column }},
        {% endfor -%}
        {%- for key, is_shared in kinds.values() %}
        false as {{ is_shared }},
        {%- endfor %}
        true as is_resolved
    from moved
    union all
    select
        links.account_id,
        links.reservation_id,
        {% for column in evidence -%}
        links.{{ column }},
        {% endfor -%}
        {%- for key, is_shared in kinds.values() %}
        links.{{ is_shared }},
        {%- endfor %}
        resolved_guests.guest_id is not null as is_resolved
    from seen_guests
    cross join {{ by_key(
        this,
        "links",
        "seen_guests.account_id = links.account_id and seen_guests.guest_id = links.guest_id",
    ) }}
    left join resolved_guests
        on seen_guests.account_id = resolved_guests.account_id and seen_guests.guest_id = resolved_guests.guest_id
    where not exists (
        select 1 from moved
        where moved.account_id = links.account_id and moved.reservation_id = links.reservation_id
    )
),

{% else %}

candidates as (
    select
        linkable.*,
        {%- for key, is_shared in kinds.values() %}
        false as {{ is_shared }},
        {%- endfor %}
        true as is_resolved
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
        {% for column in evidence -%}
        candidates.{{ column }},
        {% endfor -%}
        candidates.account_id,
        candidates.reservation_id,
        coalesce(channel_keys.is_shared, candidates.is_shared_channel, false) as is_shared_channel,
        coalesce(email_keys.is_shared, candidates.is_shared_mailbox, false) as is_shared_mailbox,
        coalesce(phone_keys.is_shared, candidates.is_shared_phone, false) as is_shared_phone,
        candidates.is_resolved
    from candidates
    left join channel_keys
        on candidates.account_id = channel_keys.account_id and candidates.channel_key = channel_keys.key
    left join email_keys
        on candidates.account_id = email_keys.account_id and candidates.email_key = email_keys.key
    left join phone_keys
        on candidates.account_id = phone_keys.account_id and candidates.phone_key = phone_keys.key
),

-- An identity with a name is a node, numbered so that the smallest node has the smallest reservation. A reservation
-- that has two of them is the edge between these. A phone number counts only with a name.
nodes as materialized (
    select
        named.account_id,
        named.kind,
        named.key,
        named.name_key,
        min(named.reservation_id) as first_reservation_id,
        row_number() over (
            order by min(named.reservation_id), named.account_id, named.kind, named.key, named.name_key
        ) as node
    from (
        {%- for kind, (key, is_shared) in kinds.items() %}
        {%- if not loop.first %}
        union all
        {%- endif %}
        select
            people.account_id,
            '{{ kind }}' as kind,
            people.{{ key }} as key,
            coalesce(people.name_key, '') as name_key,
            people.reservation_id
        from people
        where
            people.{{ key }} is not null
            and not people.{{ is_shared }}
            {{- " and people.name_key is not null" if kind not in strong_kinds }}
        {%- endfor %}
    ) as named
    group by named.account_id, named.kind, named.key, named.name_key
    -- one that is used once joins nothing
    having count(*) > 1
),

placed as materialized (
    select
        people.account_id,
        people.reservation_id,
        by_channel.node as channel_node,
        by_email.node as email_node,
        by_phone.node as phone_node
    from people
    left join nodes as by_channel
        on
            people.account_id = by_channel.account_id
            and people.channel_key = by_channel.key
            and coalesce(people.name_key, '') = by_channel.name_key
            and by_channel.kind = 'channel'
    left join nodes as by_email
        on
            people.account_id = by_email.account_id
            and people.email_key = by_email.key
            and coalesce(people.name_key, '') = by_email.name_key
            and by_email.kind = 'email'
    left join nodes as by_phone
        on
            people.account_id = by_phone.account_id
            and people.phone_key = by_phone.key
            and people.name_key = by_phone.name_key
            and by_phone.kind = 'phone'
),

edges as materialized (
    {%- for near in kinds %}
    {%- for far in kinds if far != near %}
    select placed.{{ near }}_node as near, placed.{{ far }}_node as far
    from placed
    where placed.{{ near }}_node is not null and placed.{{ far }}_node is not null
    union
    {%- endfor %}
    {%- endfor %}
    select nodes.node as near, nodes.node as far
    from nodes
),

-- Each round gives a node, and the node it was led by, the smallest leader among the neighbours, and then the leader of
-- that leader, until nothing changes. The distance to a leader shrinks by halves, so that rounds are few.
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

led as materialized (
    select present.node, nodes.first_reservation_id as component_id
    from settled
    cross join unnest(settled.leaders) with ordinality as present (leader, node)
    inner join nodes on present.leader = nodes.node
),

-- the component of each reservation, named by its smallest one
components as materialized (
    select
        people.*,
        coalesce(led.component_id, people.reservation_id) as component_id
    from people
    inner join placed
        on people.account_id = placed.account_id and people.reservation_id = placed.reservation_id
    left join led on coalesce(placed.channel_node, placed.email_node, placed.phone_node) = led.node
),

-- the name of each, as its first reservation has it
named_components as materialized (
    select
        components.account_id,
        components.component_id,
        {{ name_level("components.name_words") }} as level,
        split_part(components.name_words, ' ', 1) as given_name,
        left(substring(components.name_words from ' ([^ ]+)$'), 1) as family_initial
    from components
    where components.reservation_id = components.component_id
),

users as materialized (
    {%- for kind in strong_kinds %}
    {%- set key, is_shared = kinds[kind] %}
    {%- if not loop.first %}
    union
    {%- endif %}
    select '{{ kind }}' as kind, components.{{ key }} as key, named.*
    from components
    inner join named_components as named
        on components.account_id = named.account_id and components.component_id = named.component_id
    where components.{{ key }} is not null and not components.{{ is_shared }}
    {%- endfor %}
),

possible as (
    select distinct
        short.account_id,
        short.component_id,
        long.component_id as target_id,
        long.level,
        long.given_name,
        long.family_initial
    from users as short
    inner join users as long
        on
            short.account_id = long.account_id
            and short.kind = long.kind
            and short.key = long.key
            and short.level < long.level
    where
        short.level < 3
        and (short.level < 1 or short.given_name = long.given_name)
        and (short.level < 2 or short.family_initial = long.family_initial)
),

-- the longest name that all others may be short for; where two persons may be meant, none
pointers as materialized (
    select
        possible.account_id,
        possible.component_id,
        (array_agg(possible.target_id order by possible.level desc))[1] as target_id
    from possible
    group by possible.account_id, possible.component_id
    having
        count(distinct possible.given_name) = 1
        and count(distinct possible.family_initial) <= 1
        and count(*) filter (where possible.level = 3) <= 1
        and (bool_or(possible.level = 3) or count(*) filter (where possible.level = 2) <= 1)
        and (bool_or(possible.level > 1) or count(*) = 1)
),

-- a pointer leads to a longer name, so that three reach the end
rooted as (
    select
        components.*,
        coalesce(third.target_id, second.target_id, first.target_id, components.component_id) as root_id
    from components
    left join pointers as first
        on components.account_id = first.account_id and components.component_id = first.component_id
    left join pointers as second
        on first.account_id = second.account_id and first.target_id = second.component_id
    left join pointers as third
        on second.account_id = third.account_id and second.target_id = third.component_id
),

linked as (
    select
        rooted.*,
        min(rooted.component_id) over (partition by rooted.account_id, rooted.root_id) as guest_id,
        -- a guest who loses a reservation is seen to have changed by this alone
        (count(*) over (partition by rooted.account_id, rooted.root_id))::integer as guest_reservations
    from rooted
),

final as (
    select
        linked.account_id,
        linked.reservation_id,
        linked.guest_id,
        linked.channel_key,
        linked.email_key,
        linked.phone_key,
        linked.name_words,
        linked.name_key,
        {%- for key, is_shared in kinds.values() %}
        linked.{{ is_shared }},
        {%- endfor %}
        linked.guest_reservations,
        {{ transform_at() }} as synced_at
    from linked
    where linked.is_resolved
)

select * from final
-- depends_on: {{ ref('known_parents') }}
-- depends_on: {{ ref('listings') }}
-- depends_on: {{ ref('stg_reservation_identities') }}
