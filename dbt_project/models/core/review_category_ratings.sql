{%- set reviews_read = rows_to_process('reviews', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "review_id", "category"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('reviews', staged='stg_review_category_ratings') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.review_id, batch.category)
        batch.account_id,
        batch.review_id,
        batch.category,
        batch.rating,
        batch.is_deleted
    from batch
    where batch.review_id is not null
    order by batch.account_id asc, batch.review_id asc, batch.category asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the review no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.review_id,
        present.category,
        null::numeric as rating,
        true as is_deleted
    from {{ reviews_read }} as reviews_read
    cross join {{ lateral_lookup(
        this,
        "present",
        "present.account_id = reviews_read.account_id"
        ~ " and present.review_id = " ~ text_as_bigint("reviews_read.entity_id"),
    ) }}
    where not exists (
        select 1 from batch
        where
            present.account_id = batch.account_id
            and present.review_id = batch.review_id
            and present.category = batch.category
    )
),

{% endif %}

final as (
    select * from listed
    {% if is_incremental() %}
    union all
    select * from removed
    {% endif %}
)

select
    final.*,
    {{ current_transform_at() }} as synced_at
from final
