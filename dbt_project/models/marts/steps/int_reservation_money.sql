-- The revenue of a reservation on each basis of the published definitions. Unknown stays null: a channel that does not
-- report its commission has not charged 0. Hostaway's financial reporting has the amounts that the reservation itself
-- does not contain.
with

amounts as (
    select
        reservations.account_id,
        reservations.reservation_id,
        reservations.currency,
        reservations.total_price as gross_revenue,
        coalesce(reservations.tax_amount, reported.tax) as tax_amount,
        reservations.total_price - coalesce(reservations.tax_amount, reported.tax) as revenue_ex_tax,
        coalesce(
            lines.base_rate + coalesce(lines.extra_persons, 0) + coalesce(lines.discounts, 0),
            reservations.airbnb_listing_base_price,
            reported.rent
        ) as accommodation_revenue,
        coalesce(reservations.cleaning_fee, reported.cleaning_fee) as cleaning_fee,
        coalesce(
            reservations.channel_commission_amount,
            lines.host_channel_fee,
            reservations.airbnb_listing_host_fee,
            reported.host_channel_fee
        ) as channel_commission,
        case reservations.channel_id
            when 2018 then coalesce(lines.airbnb_payout, reservations.airbnb_expected_payout_amount)
            when 2005
                then
                    lines.channel_total - coalesce(lines.host_channel_fee, reported.host_channel_fee)
                    - coalesce(lines.city_tax, reported.city_tax, 0)
                    - coalesce(lines.processing_fee, reported.processing_fee, 0)
        end as payout,
        case
            when reservations.status_group = 'cancelled'
                then coalesce(
                    lines.cancellation_payout, reservations.airbnb_cancellation_payout, reported.cancellation_payout
                )
        end as cancellation_payout,
        reported.management_commission,
        reported.owner_payout,
        reservations.status_group = 'cancelled' and coalesce(former.was_booking, true) as is_cancelled_booking,
        -- no listing has more; a list of thousands would make thousands of nights of each
        least(greatest(booked.units, 1), 500) as units
    from {{ ref('reservations') }} as reservations
    cross join
        lateral (
            select
                sum(line.total) filter (where line.component_name = 'baseRate') as base_rate,
                sum(line.total) filter (
                    where line.component_name in ('pricePerExtraPerson', 'priceForExtraPerson')
                ) as extra_persons,
                -- a discount lowers the price, with either sign
                sum(-abs(line.total)) filter (where line.component_type = 'discount') as discounts,
                sum(abs(line.total)) filter (where line.component_name = 'hostChannelFee') as host_channel_fee,
                sum(line.total) filter (where line.component_name = 'airbnbPayoutSum') as airbnb_payout,
                sum(line.total) filter (where line.component_name = 'totalPriceFromChannel') as channel_total,
                sum(abs(line.total)) filter (where line.component_name = 'cityTax') as city_tax,
                sum(abs(line.total)) filter (where line.component_name = 'otaPaymentProcessingFee')
                    as processing_fee,
                sum(line.total) filter (where line.component_name = 'cancellationPayout') as cancellation_payout
            from {{ ref('reservation_finance_fields') }} as line
            -- The lines of a reservation that was deleted with its listing count until then. Lines that Hostaway does
            -- not list any more have neither name nor total.
            where
                line.account_id = reservations.account_id
                and line.reservation_id = reservations.reservation_id
                and not coalesce(line.is_removed, false)
        ) as lines
    cross join
        lateral (
            select count(*)::integer as units
            from {{ ref('reservation_units') }} as units
            where
                units.account_id = reservations.account_id
                and units.reservation_id = reservations.reservation_id
                and units.is_deleted = reservations.is_deleted
        ) as booked
    left join lateral (
        select
            {{ known_amount("total_tax") }} as tax,
            {{ known_amount("cleaning_fee") }} as cleaning_fee,
            {{ known_amount("city_tax") }} as city_tax,
            abs({{ known_amount("host_channel_fee") }}) as host_channel_fee,
            abs(finance.ota_payment_processing_fee) as processing_fee,
            {{ known_amount("cancellation_payout") }} as cancellation_payout,
            {{ known_amount("base_rate") }} + coalesce(finance.extra_person_price, 0)
            {%- for discount in [
                "weekly_discount", "monthly_discount", "coupon_discount", "shareholder_discount", "last_minute_discount",
                "employee_discount", "other_special_discount",
            ] %}
            - coalesce(abs(finance.{{ discount }}), 0)
            {%- endfor %} as rent,
            finance.pm_commission as management_commission,
            finance.owner_payout
        from {{ ref('reservation_finance') }} as finance
        where
            finance.account_id = reservations.account_id
            and finance.reservation_id = reservations.reservation_id
            and not finance.is_deleted
        limit all offset 0 -- noqa: AM09
    ) as reported on true
    -- A declined request is cancelled, too, but never was a booking. A reservation that was cancelled before its first
    -- read counts as a booking, because nothing shows that it was not.
    cross join
        lateral (
            select
                bool_or(version.status_group = 'booking') filter (where version.status_group <> 'cancelled')
                    as was_booking
            from {{ source('history', 'reservation_versions') }} as versions
            cross join
                lateral ( -- noqa: ST05
                    select {{ status_group(reservation_status(as_text('status', 'versions.facts'))) }} as status_group
                ) as version
            where
                reservations.status_group = 'cancelled'
                and versions.account_id = reservations.account_id
                and versions.entity_id = reservations.reservation_id::text
        ) as former
)

select
    account_id,
    reservation_id,
    currency,
    gross_revenue,
    tax_amount,
    revenue_ex_tax,
    accommodation_revenue,
    cleaning_fee,
    channel_commission,
    revenue_ex_tax - channel_commission as net_revenue,
    -- a payout above what the guest pays is a mistake of the source
    case when payout <= gross_revenue then payout end as payout,
    cancellation_payout,
    management_commission,
    owner_payout,
    is_cancelled_booking,
    units
from amounts
