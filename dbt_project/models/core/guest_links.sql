{{ config(
    unique_key=["account_id", "reservation_id"],
    indexes=[
        {"columns": ["account_id", "channel_key"]},
        {"columns": ["account_id", "email_key", "person_key"]},
        {"columns": ["account_id", "guest_id"]},
        {"columns": ["synced_at"]},
    ],
) }}

with recursive

due as (
    select
        due.account_id,
        due.reservation_id,
        due.channel_key,
        due.email_key,
        due.person_key
    from {{ pending('reservations', staging='stg_reservation_identities') }} as due
    where
        due.reservation_id is not null
        and (
            due.listing_id is null
            or exists (
                select 1 from {{ ref('listings') }} as parent
                where due.account_id = parent.account_id and due.listing_id = parent.listing_id
            )
        )
),

{% if is_incremental() %}

moved as materialized (
    select
        due.*,
        links.guest_id as old_guest_id,
        links.email_key as old_email_key
    from due
    left join {{ this }} as links
        on due.account_id = links.account_id and due.reservation_id = links.reservation_id
    where
        links.reservation_id is null
        or (due.channel_key, due.email_key, due.person_key)
        is distinct from (links.channel_key, links.email_key, links.person_key)
),

mailboxes as materialized (
    select
        touched.account_id,
        touched.email_key,
        (
            select count(distinct people.person_key) > {{ shared_mailbox_above() }}
            from (
                select links.person_key
                from {{ this }} as links
                where
                    links.account_id = touched.account_id
                    and links.email_key = touched.email_key
                    and not exists (
                        select 1 from moved
                        where moved.account_id = links.account_id and moved.reservation_id = links.reservation_id
                    )
                union all
                select moved.person_key
                from moved
                where moved.account_id = touched.account_id and moved.email_key = touched.email_key
            ) as people
        ) as is_shared,
        coalesce(
            (
                select bool_or(links.is_shared_mailbox)
                from {{ this }} as links
                where links.account_id = touched.account_id and links.email_key = touched.email_key
            ), false
        ) as was_shared
    from (
        select moved.account_id, moved.email_key
        from moved
        where moved.email_key is not null
        union
        select moved.account_id, moved.old_email_key
        from moved
        where moved.old_email_key is not null
    ) as touched
),

-- Every guest whose reservations may now belong together differently: those who lose a reservation, those who share an
-- identity with one that moved, and all who use an address that became, or ceased to be, a shared mailbox.
touched_guests as materialized (
    select moved.account_id, moved.old_guest_id as guest_id
    from moved
    where moved.old_guest_id is not null
    union
    select links.account_id, links.guest_id
    from moved
    inner join {{ this }} as links on moved.account_id = links.account_id and moved.channel_key = links.channel_key
    union
    select links.account_id, links.guest_id
    from mailboxes
    inner join {{ this }} as links
        on mailboxes.account_id = links.account_id and mailboxes.email_key = links.email_key
    where not (mailboxes.is_shared and mailboxes.was_shared)
),

people as materialized (
    select
        moved.account_id,
        moved.reservation_id,
        moved.channel_key,
        moved.email_key,
        moved.person_key,
        coalesce(mailboxes.is_shared, false) as is_shared_mailbox
    from moved
    left join mailboxes on moved.account_id = mailboxes.account_id and moved.email_key = mailboxes.email_key
    union all
    select
        links.account_id,
        links.reservation_id,
        links.channel_key,
        links.email_key,
        links.person_key,
        coalesce(mailboxes.is_shared, links.is_shared_mailbox) as is_shared_mailbox
    from touched_guests
    inner join {{ this }} as links
        on touched_guests.account_id = links.account_id and touched_guests.guest_id = links.guest_id
    left join mailboxes on links.account_id = mailboxes.account_id and links.email_key = mailboxes.email_key
    where not exists (
        select 1 from moved
        where moved.account_id = links.account_id and moved.reservation_id = links.reservation_id
    )
),

{% else %}

mailboxes as (
    select
        due.account_id,
        due.email_key,
        count(distinct due.person_key) > {{ shared_mailbox_above() }} as is_shared
    from due
    where due.email_key is not null
    group by due.account_id, due.email_key
),

people as materialized (
    select
        due.account_id,
        due.reservation_id,
        due.channel_key,
        due.email_key,
        due.person_key,
        coalesce(mailboxes.is_shared, false) as is_shared_mailbox
    from due
    left join mailboxes on due.account_id = mailboxes.account_id and due.email_key = mailboxes.email_key
),

{% endif %}

-- Identities are the nodes, a reservation that has two of them is the edge between them.
identities as materialized (
    select
        people.account_id,
        identity.key,
        min(people.reservation_id) as first_reservation_id
    from people
    inner join lateral (
        values
        ('channel ' || people.channel_key),
        (case when not people.is_shared_mailbox then 'email ' || people.email_key end)
    ) as identity (key) on true
    where identity.key is not null
    group by people.account_id, identity.key
),

edges as materialized (
    select distinct
        people.account_id,
        ends.near_key,
        ends.far_key
    from people
    inner join lateral (
        values
        ('channel ' || people.channel_key, 'email ' || people.email_key),
        ('email ' || people.email_key, 'channel ' || people.channel_key)
    ) as ends (near_key, far_key) on true
    where people.channel_key is not null and people.email_key is not null and not people.is_shared_mailbox
),

reached as (
    select identities.account_id, identities.key as from_key, identities.key as to_key
    from identities
    union
    select reached.account_id, reached.from_key, edges.far_key
    from reached
    inner join edges on reached.account_id = edges.account_id and reached.to_key = edges.near_key
),

guests as materialized (
    select
        reached.account_id,
        reached.from_key as key,
        min(identities.first_reservation_id) as guest_id
    from reached
    inner join identities on reached.account_id = identities.account_id and reached.to_key = identities.key
    group by reached.account_id, reached.from_key
),

linked as (
    select
        people.account_id,
        people.reservation_id,
        coalesce(by_channel.guest_id, by_email.guest_id, people.reservation_id) as guest_id,
        people.channel_key,
        people.email_key,
        people.person_key,
        people.is_shared_mailbox
    from people
    left join guests as by_channel
        on
            people.account_id = by_channel.account_id
            and 'channel ' || people.channel_key = by_channel.key
    left join guests as by_email
        on
            people.account_id = by_email.account_id
            and not people.is_shared_mailbox
            and 'email ' || people.email_key = by_email.key
),

final as (
    select
        linked.account_id,
        linked.reservation_id,
        linked.guest_id,
        linked.channel_key,
        linked.email_key,
        linked.person_key,
        linked.is_shared_mailbox,
        -- a guest who loses a reservation is seen to have changed by this alone
        (count(*) over (partition by linked.account_id, linked.guest_id))::integer as guest_reservations,
        {{ transform_at() }} as synced_at
    from linked
)

select * from final
