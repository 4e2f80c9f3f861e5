{{ config(
    unique_key=["account_id", "guest_charge_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    batch.account_id,
    batch.guest_charge_id,
    batch.listing_id,
    batch.reservation_id,
    batch.auto_payment_id,
    batch.auto_charge_id,
    batch.charge_type,
    batch.status,
    batch.title,
    batch.description,
    batch.currency,
    batch.payment_method,
    batch.payment_provider,
    batch.payment_provider_message,
    batch.payment_provider_invoice_id,
    batch.payment_provider_charge_id,
    batch.trigger_event,
    batch.amount,
    batch.captured_amount,
    batch.flat_fee,
    batch.percentage_fee,
    batch.trigger_hours,
    batch.is_manual,
    batch.hold_release_date,
    batch.scheduled_at,
    batch.charged_at,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('guest_charges') }} as batch
where batch.guest_charge_id is not null
