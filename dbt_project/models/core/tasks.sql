{{ config(
    unique_key=["account_id", "task_id"],
    indexes=[
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    due.account_id,
    due.task_id,
    due.listing_id,
    due.reservation_id,
    due.channel_id,
    due.auto_task_id,
    due.assignee_user_id,
    due.supervisor_user_id,
    due.created_by_user_id,
    due.title,
    due.description,
    due.status,
    due.categories,
    due.resolution_note,
    due.feedback_note,
    due.cost_currency,
    due.cost_description,
    due.cost,
    due.priority,
    due.feedback_score,
    due.can_start_at,
    due.due_at,
    due.started_at,
    due.confirmed_at,
    due.is_deleted,
    {{ transform_at() }} as synced_at,
    due.pms_meta
from {{ pending('tasks') }} as due
where due.task_id is not null
