with

source as (
    select * from {{ landed('guest_charges') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as guest_charge_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,
        {{ as_bigint('autopaymentId') }} as auto_payment_id,
        {{ as_bigint('autoChargeId') }} as auto_charge_id,

        ---------- text
        {{ as_text('type') }} as charge_type,
        {{ as_text('status') }} as status,
        {{ as_text('title') }} as title,
        {{ as_text('description') }} as description,
        {{ as_text('currency') }} as currency,
        {{ as_text('paymentMethod') }} as payment_method,
        {{ as_text('paymentProvider') }} as payment_provider,
        {{ as_text('paymentProviderMessage') }} as payment_provider_message,
        {{ as_text('paymentProviderInvoiceId') }} as payment_provider_invoice_id,
        {{ as_text('paymentProviderChargeId') }} as payment_provider_charge_id,
        {{ as_text('triggerEvent') }} as trigger_event,

        ---------- numerics
        {{ as_numeric('amount') }} as amount,
        {{ as_numeric('capturedAmount') }} as captured_amount,
        {{ as_numeric('flatFee') }} as flat_fee,
        {{ as_numeric('percentageFee') }} as percentage_fee,
        {{ as_integer('triggerTimeDelta') }} as trigger_hours,

        ---------- booleans
        {{ as_boolean('isManual') }} as is_manual,

        ---------- dates
        {{ as_date('holdReleaseDate') }} as hold_release_date,

        ---------- timestamps
        {{ as_timestamptz('scheduledDate') }} as scheduled_at,
        {{ as_timestamptz('chargeDate') }} as charged_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("guest_charges") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
