-- name: registry
-- The list of accounts as one JSON document. Nothing here depends on settings of the session.
select json_build_object(
    'installed_at', (
        select to_char(installed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') from ops.installation
    ),
    'accounts', (
        select coalesce(json_agg(json_build_object(
            'account_id', account_id,
            'registered_at', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
            'name', name,
            'options', options
        )), '[]')
        from ops.accounts
        where state <> 'disabled'
    ),
    'removed', (
        select coalesce(json_agg(account_id), '[]')
        from (
            select account_id from ops.accounts where state = 'disabled'
            union all
            select account_id from ops.purged_accounts
        ) as removed
    )
) as document
