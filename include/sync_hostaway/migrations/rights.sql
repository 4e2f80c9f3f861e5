-- name: is_held_to_one_account
-- Whether the policies of hostaway_api hold the current user itself: it would see no row of the core tables.
select
    coalesce(
        not users.rolsuper and not users.rolbypassrls and pg_has_role(current_user, to_regrole('hostaway_api'), 'usage'),
        false
    )
from pg_roles as users
where users.rolname = current_user

-- name: missing
-- The statements with which an administrator gives the current user the rights that it lacks, in the order to run them.
with rights as (
    select
        case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end as may_become,
        to_regrole('hostaway_api') as api_role,
        to_regrole('hostaway_api_users') as users_role
),
roles as (
    select
        rights.*,
        not coalesce(pg_has_role(current_user, rights.api_role, rights.may_become), false)
        or %(is_held)s as needs_role
    from rights
)
select
    array_remove(
        array[
            case
                when
                    not has_database_privilege(current_database(), 'create')
                    or not has_database_privilege(current_database(), 'temporary')
                    then format('grant create, temporary on database %%I to %%I', current_database(), current_user)
            end,
            case when roles.api_role is null then 'create role hostaway_api nologin' end,
            case when %(is_held)s then format('revoke hostaway_api from %%I', current_user) end,
            case
                when roles.needs_role and roles.users_role is null
                    then 'create role hostaway_api_users nologin noinherit'
            end,
            case
                when
                    roles.needs_role
                    and not coalesce(pg_has_role(roles.users_role, roles.api_role, roles.may_become), false)
                    then 'grant hostaway_api to hostaway_api_users'
            end,
            case when roles.needs_role then format('grant hostaway_api_users to %%I', current_user) end
        ],
        null
    )
from roles
