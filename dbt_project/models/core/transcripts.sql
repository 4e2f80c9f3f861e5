{{ config(
    unique_key=["account_id", "transcript_id"],
    indexes=[
        {"columns": ["account_id", "listing_id"]},
        {"columns": ["account_id", "reservation_id"]},
    ],
) }}

select
    batch.account_id,
    batch.transcript_id,
    batch.listing_id,
    batch.reservation_id,
    batch.listing_name,
    batch.guest_name,
    batch.stay_date,
    'transcript' as source,
    batch.file_name,
    batch.message_count,
    batch.is_deleted,
    {{ current_transform_at() }} as synced_at
from {{ rows_to_process('transcripts') }} as batch
