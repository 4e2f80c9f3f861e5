with

source as (
    select * from {{ landed('tasks') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as task_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,
        {{ as_bigint('channelId') }} as channel_id,
        {{ as_bigint('autoTaskId') }} as auto_task_id,
        {{ as_bigint('assigneeUserId') }} as assignee_user_id,
        {{ as_bigint('supervisorUserId') }} as supervisor_user_id,
        {{ as_bigint('createdByUserId') }} as created_by_user_id,
        {{ as_bigint('canBePickedByGroupId') }} as group_id,
        {{ as_bigint('checklistTemplateId') }} as checklist_template_id,
        {{ as_bigint('reservationUnitId') }} as reservation_unit_id,

        ---------- text
        {{ as_text('title') }} as title,
        {{ as_text('description') }} as description,
        {{ as_text('status') }} as status,
        {{ task_categories(as_texts('categoriesMap')) }} as categories,
        {{ as_text('resolutionNote') }} as resolution_note,
        {{ as_text('feedbackNote') }} as feedback_note,
        {{ as_text('costCurrency') }} as cost_currency,
        {{ as_text('costDescription') }} as cost_description,
        {{ as_text('canStartFromEvent') }} as start_event,
        {{ as_text('shouldEndByEvent') }} as due_event,
        {{ as_text('color') }} as color,

        ---------- numerics
        {{ as_numeric('cost') }} as cost,
        {{ as_integer('priority') }} as priority,
        {{ as_integer('feedbackScore') }} as feedback_score,
        {{ as_integer('canStartFromEventDelta') }} as start_event_delta,
        {{ as_integer('shouldEndByEventDelta') }} as due_event_delta,
        {{ as_integer('rank') }} as rank,

        ---------- booleans
        {{ as_boolean('isUpdatedManually') }} as is_changed_by_hand,

        ---------- timestamps
        {{ as_timestamptz('canStartFrom') }} as can_start_at,
        {{ as_timestamptz('shouldEndBy') }} as due_at,
        {{ as_timestamptz('startedAt') }} as started_at,
        {{ as_timestamptz('confirmedAt') }} as confirmed_at,
        {{ as_timestamp('canStartFromListingTime') }} as can_start_local,
        {{ as_timestamp('shouldEndByListingTime') }} as due_local,
        {{ as_timestamptz('completedAt') }} as completed_at,
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("tasks") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select
    typed.*,
    {{ as_list("typed.pms_meta -> 'checklistItems'") }} as checklist_items
from typed
