{{ config(
    unique_key=["account_id", "task_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    batch.account_id,
    batch.task_id,
    batch.listing_id,
    batch.reservation_id,
    batch.channel_id,
    batch.auto_task_id,
    batch.assignee_user_id,
    batch.supervisor_user_id,
    batch.created_by_user_id,
    batch.title,
    batch.description,
    batch.status,
    batch.categories,
    batch.resolution_note,
    batch.feedback_note,
    batch.cost_currency,
    batch.cost_description,
    batch.cost,
    batch.priority,
    batch.feedback_score,
    batch.can_start_at,
    batch.due_at,
    batch.started_at,
    batch.confirmed_at,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at,
    batch.pms_meta
from {{ rows_to_process('tasks') }} as batch
where batch.task_id is not null
