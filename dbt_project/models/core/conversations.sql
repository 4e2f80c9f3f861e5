{{ config(
    unique_key=["account_id", "conversation_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
        {"columns": ["account_id", "synced_at"]},
    ],
) }}

with

-- materialized: otherwise the planner inlines the CTE and reads the payloads again
batch as materialized (
    select * from {{ rows_to_process('conversations') }} as batch
),

coverage as materialized (
    select coverage.account_id, coverage.parents_complete_until
    from (select distinct batch.account_id from batch) as accounts
    cross join {{ lateral_lookup(
        ref('int_parent_coverage'),
        "coverage",
        "coverage.account_id = accounts.account_id and coverage.resource = 'conversations'",
    ) }}
),

-- Rows whose reservation is in core, rows that are in core themselves, and rows whose reservation will not come.
loadable as (
    select batch.*
    from batch
    where
        batch.conversation_id is not null
        and (
            batch.reservation_id is null
            or {{ parent_is_known('conversations', 'batch.account_id', 'batch.reservation_id') }}
            {%- if is_incremental() %}
            or {{ exists_lookup(
                this, "present", "present.account_id = batch.account_id and present.conversation_id = batch.conversation_id"
            ) }}
            {%- endif %}
            or batch.landed_at < (
                select coverage.parents_complete_until
                from coverage
                where coverage.account_id = batch.account_id
            )
        )
),

final as (
    select
        loadable.account_id,
        loadable.conversation_id,
        loadable.listing_id,
        loadable.reservation_id,
        loadable.conversation_type,
        loadable.recipient_name,
        loadable.recipient_email,
        loadable.has_unread_messages,
        loadable.last_sent_at,
        loadable.last_received_at,
        loadable.is_deleted,
        {{ current_transform_at() }} as synced_at,
        loadable.pms_meta
    from loadable
)

select * from final
