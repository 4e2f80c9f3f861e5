{#-
    The last complete read of a resource, for the account with the oldest one. These accounts do not count: inactive ones,
    those to which Hostaway refuses the resource, and those whose syncs have not begun to read it for a week, because it is
    switched off there.
-#}
{% macro last_complete_read(resource) -%}
    select coalesce(min(newest.finished_at), now())
    from (
        select
            coalesce(
                max(runs.finished_at) filter (where runs.status in ('complete', 'complete_after_retry')), min(runs.started_at)
            ) as finished_at
        from ops.sync_runs as runs
        inner join ops.accounts as accounts on runs.account_id = accounts.account_id
        where
            runs.resource = '{{ resource }}'
            and runs.mode <> 'delta'
            and runs.status <> 'refused'
            and accounts.state = 'active'
        group by runs.account_id
        having max(runs.started_at) > now() - interval '7 days'
    ) as newest
{%- endmacro %}
