with

reservations as (
    select
        account_id,
        reservation_id,
        listing_id,
        channel_id,
        guest_external_account_id,
        guest_email_as_sent,
        guest_phone,
        coalesce(
            guest_name, nullif(concat_ws(' ', guest_first_name, guest_last_name), '')
        ) as guest_name,
        entity_id,
        load_id,
        landed_at
    from {{ ref('stg_reservations') }}
),

-- each of them is computed once, although it is read several times
spelled as (
    select
        reservations.*,
        written.email,
        written.name_words
    from reservations
    cross join {{ spelled_identities("reservations.guest_email_as_sent", "reservations.guest_name", "written") }}
),

decided as (
    select
        spelled.*,
        decisions.person,
        coalesce(decisions.decision = 'split', false) as is_split
    from spelled
    left join {{ lateral_lookup(
        ref('guest_decisions'),
        "decisions",
        "decisions.account_id = spelled.account_id and decisions.reservation_id = spelled.reservation_id",
    ) }} on true
)

select
    account_id,
    reservation_id,
    listing_id,
    case
        when not is_split then channel_id::text || ':' || {{ channel_identity('guest_external_account_id') }}
    end as channel_key,
    case when not is_split then {{ email_identity('email') }} end as email_key,
    case when not is_split then {{ phone_identity('guest_phone') }} end as phone_key,
    case when not is_split then {{ phone_country('guest_phone') }} end as phone_country,
    nullif(btrim(person), '') as manual_key,
    name_words,
    {{ name_key('name_words') }} as name_key,
    entity_id,
    load_id,
    landed_at
from decided
