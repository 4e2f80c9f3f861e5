{{ config(
    unique_key=["account_id", "reservation_id"],
    indexes=[
        {"columns": ["account_id", "channel_key"]},
        {"columns": ["account_id", "email_key"]},
        {"columns": ["account_id", "phone_key"]},
        {"columns": ["account_id", "manual_key"]},
        {"columns": ["account_id", "guest_id"]},
        {"columns": ["synced_at"]},
    ],
) }}

{%- set kinds = identity_kinds() %}

with

components as materialized (
    select * from {{ ref('int_guest_components') }}
),

-- the name of each component, from its first reservation
named_components as materialized (
    select
        account_id,
        component_id,
        {{ name_level("name_words") }} as level,
        split_part(name_words, ' ', 1) as given_name,
        left(substring(name_words from ' ([^ ]+)$'), 1) as family_initial
    from components
    where reservation_id = component_id
),

-- One text for each identity, and below for each component: for a join over several columns, PostgreSQL expects a
-- single row, and then compares all rows with all.
identities_of_components as materialized (
    {%- for kind in strong_identity_kinds() %}
    {%- set key, is_shared = kinds[kind] %}
    {%- if not loop.first %}
    union
    {%- endif %}
    select concat_ws(' ', components.account_id, '{{ kind }}', components.{{ key }}) as identity, named.*
    from components
    inner join named_components as named
        on components.account_id = named.account_id and components.component_id = named.component_id
    where components.{{ key }} is not null and not components.{{ is_shared }}
    {%- endfor %}
),

-- A component with a short name, or without one, may belong to one with a longer name and the same identity.
possible_targets as (
    select distinct
        short.account_id,
        short.component_id,
        long.component_id as target_id,
        long.level,
        long.given_name,
        long.family_initial
    from identities_of_components as short
    inner join identities_of_components as long
        on
            short.identity = long.identity
            and short.level < long.level
    where
        short.level < 3
        and (short.level < 1 or short.given_name = long.given_name)
        and (short.level < 2 or short.family_initial = long.family_initial)
),

-- It belongs to the longest name of which all others may be short forms. If two people are possible, it stays alone.
chosen_targets as (
    select
        account_id,
        component_id,
        case
            when
                count(distinct given_name) = 1
                and count(distinct family_initial) <= 1
                and count(*) filter (where level = 3) <= 1
                and (bool_or(level = 3) or count(*) filter (where level = 2) <= 1)
                and (bool_or(level > 1) or count(*) = 1)
                then (array_agg(target_id order by level desc))[1]
        end as target_id
    from possible_targets
    group by account_id, component_id
),

targets as materialized (
    select
        target_id,
        concat_ws(' ', account_id, component_id) as component_key,
        concat_ws(' ', account_id, target_id) as target_key
    from chosen_targets
    where target_id is not null
),

-- A target has a longer name than its component, and there are four levels of names: three steps reach the end.
rooted as (
    select
        components.*,
        coalesce(third.target_id, second.target_id, first.target_id, components.component_id) as root_id
    from components
    left join targets as first on concat_ws(' ', components.account_id, components.component_id) = first.component_key
    left join targets as second on first.target_key = second.component_key
    left join targets as third on second.target_key = third.component_key
),

linked as (
    select
        rooted.*,
        min(rooted.component_id) over guests as guest_id,
        -- For a guest who loses a reservation, only this column changes.
        (count(*) over guests)::integer as guest_reservations
    from rooted
    window guests as (partition by rooted.account_id, rooted.root_id)
)

select
    account_id,
    reservation_id,
    guest_id,
    channel_key,
    email_key,
    phone_key,
    manual_key,
    phone_country,
    name_words,
    name_key,
    {%- for key, is_shared in kinds.values() %}
    {{ is_shared }},
    {%- endfor %}
    guest_reservations,
    {{ current_transform_at() }} as synced_at
from linked
where is_resolved
