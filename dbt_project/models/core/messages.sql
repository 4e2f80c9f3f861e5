{{ config(
    unique_key=["account_id", "message_id"],
    indexes=[
        {"columns": ["account_id", "conversation_id"]},
        {"columns": ["account_id", "synced_at"]},
        {"columns": ["to_tsvector('simple'::regconfig, body_text)"], "type": "gin"},
    ],
) }}

with

-- materialized: otherwise the planner inlines the CTE and reads the payloads again
batch as materialized (
    select * from {{ rows_to_process('messages') }} as batch
),

coverage as materialized (
    select coverage.account_id, coverage.parents_complete_until
    from (select distinct batch.account_id from batch) as accounts
    cross join {{ lateral_lookup(
        ref('int_parent_coverage'),
        "coverage",
        "coverage.account_id = accounts.account_id and coverage.resource = 'messages'",
    ) }}
),

-- Rows whose conversation is in core, rows that are in core themselves, and rows whose conversation will not come.
loadable as (
    select batch.*
    from batch
    where
        batch.message_id is not null
        and batch.conversation_id is not null
        and (
            {{ parent_is_known('messages', 'batch.account_id', 'batch.conversation_id') }}
            {%- if is_incremental() %}
            or {{ exists_lookup(
                this, "present", "present.account_id = batch.account_id and present.message_id = batch.message_id"
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
        loadable.message_id,
        loadable.conversation_id,
        loadable.listing_id,
        loadable.reservation_id,
        loadable.channel_id,
        loadable.communication_id,
        loadable.user_id,
        loadable.channel_message_id,
        loadable.body,
        loadable.body_text,
        loadable.subject,
        loadable.communication_type,
        loadable.status,
        loadable.sender,
        loadable.message_source,
        loadable.originated_by,
        loadable.attachments_count,
        loadable.is_incoming,
        loadable.is_seen,
        loadable.is_sent_by_hostaway,
        loadable.sent_at,
        loadable.sent_to_channel_at,
        loadable.seen_at,
        loadable.inserted_at,
        loadable.updated_at,
        loadable.in_reply_to,
        loadable.automation_name,
        loadable.automation_event,
        loadable.failure_reason,
        loadable.readable_failure_reason,
        loadable.listing_time_zone_name,
        loadable.retry_count,
        loadable.send_attempted_at,
        loadable.automation_delay_seconds,
        loadable.seen_by,
        loadable.is_deleted,
        {{ current_transform_at() }} as synced_at,
        loadable.pms_meta
    from loadable
)

select * from final
