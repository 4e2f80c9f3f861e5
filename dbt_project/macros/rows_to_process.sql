{#-
    The rows of a staging view that a transform reads, as a relation for `from` or `join`:

    * the rows of the loads that the transform claimed;
    * the deferred rows whose parent is known now, or whose parent will not come. The variable `deferred_resources` names
      the resources that had deferred rows when the transform began; without it, all resources are searched for them.
      PostgreSQL needs 10 ms to plan this search, in each model;
    * all rows, on a first build, on a full refresh, and after the project has changed.

    :param resource: table in landing.
    :param staged: the view; without it `stg_<resource>`. Its rows have the account_id and entity_id of landing.
    :param changes_only: false for all rows; by default the value of `is_incremental`.
    :param with_changed_guest: also unchanged reservations whose guest changed.
    :param keys_only: only account_id and entity_id, also of rows that the view leaves out. PostgreSQL plans every
        column of a view that a query reads, which takes longer than to read a few rows.
-#}
{% macro rows_to_process(resource, staged=none, with_changed_guest=false, changes_only=none, keys_only=false) -%}
    {%- set rows = source("landing", resource) if keys_only else ref(staged or "stg_" ~ resource) -%}
    {%- set landed = source("landing", resource) -%}
    {%- set deferred = source("ops", "deferred_rows") -%}
    {%- set claimed = source("ops", "claimed_loads") -%}
    {%- set transform = source("ops", "current_transform") -%}
    {%- set searches_deferred = resource in var("deferred_resources", [resource]) -%}
    {%- if resource in parents_of() %}
    {%- set parent_id = text_as_bigint("split_part(deferred.missing_parent, ' ', 2)") %}
    {%- set known = parent_is_known(resource, "deferred.account_id", parent_id) %}
    {%- set coverage = lateral_lookup(
        ref("int_parent_coverage"),
        "coverage",
        "coverage.account_id = accounts.account_id and coverage.resource = '" ~ resource ~ "'",
    ) %}
    {%- endif %}
    {%- if with_changed_guest %}
    {%- set links = ref("reservation_guests") %}
    {%- endif %}
    {%- if not (is_incremental() if changes_only is none else changes_only) -%}
    {{ rows }}
    {%- else -%}
    (
        select {{ "changed.*" if keys_only else "staged.*" }}
        from (
            select landed.account_id, landed.entity_id
            from {{ claimed }} as claimed
            cross join {{ lateral_lookup(landed, "landed", "landed.load_id = claimed.load_id") }}
            where claimed.resource = '{{ resource }}'
            {%- if searches_deferred %}
            union
            select deferred.account_id, deferred.entity_id
            from {{ deferred }} as deferred
            {%- if resource in parents_of() %}
            left join (
                select coverage.account_id, coverage.parents_complete_until
                from (
                    select distinct waiting.account_id
                    from {{ deferred }} as waiting
                    where waiting.resource = '{{ resource }}'
                ) as accounts
                cross join {{ coverage }}
            ) as coverage on deferred.account_id = coverage.account_id
            where
                deferred.resource = '{{ resource }}'
                and {{ parent_id }} is not null
                and (
                    deferred.deferred_since < coverage.parents_complete_until
                    or {{ known }}
                )
            {%- else %}
            where deferred.resource = '{{ resource }}'
            {%- endif %}
            {%- endif %}
            union
            select landed.account_id, landed.entity_id
            from {{ landed }} as landed
            where (select current_transform.full_rebuild from {{ transform }} as current_transform)
            {% if with_changed_guest %}
            union
            select links.account_id, links.reservation_id::text
            from {{ links }} as links
            where links.synced_at > {{ previous_transform_at() }} and links.synced_at <= {{ current_transform_at() }}
            {% endif %}
        ) as changed
        {%- if not keys_only %}
        cross join {{ lateral_lookup(
            rows, "staged", "staged.account_id = changed.account_id and staged.entity_id = changed.entity_id"
        ) }}
        {%- endif %}
    )
    {%- endif %}
{%- endmacro %}
