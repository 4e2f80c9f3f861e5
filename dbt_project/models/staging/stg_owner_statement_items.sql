with

source as (
    select
        landed.account_id,
        landed.entity_id,
        landed.load_id,
        landed.deleted_at,
        {{ as_list("landed.payload #> '{financeDataJson,columns}'") }} as column_list,
        {{ as_list("landed.payload #> '{financeDataJson,rows}'") }} as stays,
        {{ as_list("landed.payload -> 'expenses'") }} as expenses,
        {{ as_list("landed.payload -> 'summaryDataJson'") }} as totals
    from {{ landed('owner_statements') }} as landed
),

items as (
    select
        source.account_id,
        source.entity_id,
        source.load_id,
        source.deleted_at,
        item.item_type,
        item.item_number,
        item.item_name,
        item.payload
    from source
    inner join lateral (
        -- Amounts of stays, by the names of their columns: a user chooses the columns of a statement.
        select
            'reservation' as item_type,
            (stay.place * 1000 + named.place)::integer as item_number,
            {{ as_text('name', 'named.payload') }} as item_name,
            jsonb_build_object('reservationId', stay.cells -> stay.id_place, 'amount', cell.value) as payload
        from (
            select
                listed.place,
                {{ as_list("listed.payload") }} as cells,
                (
                    select (min(id_column.place) - 1)::integer
                    from jsonb_array_elements(source.column_list) with ordinality as id_column (payload, place)
                    where id_column.payload ->> 'name' = 'id'
                ) as id_place
            from jsonb_array_elements(source.stays) with ordinality as listed (payload, place)
        ) as stay
        cross join jsonb_array_elements(source.column_list) with ordinality as named (payload, place)
        cross join lateral (select stay.cells -> (named.place - 1)::integer as value) as cell
        where
            jsonb_typeof(named.payload) = 'object'
            and named.payload ->> 'name' <> 'id'
            and (
                jsonb_typeof(cell.value) = 'number'
                -- a number may come as a text; one that cannot be read has no amount
                or (named.payload ->> 'valueType' in ('money', 'number') and cell.value not in ('null', '""'))
            )
        union all
        select
            'expense' as item_type,
            expense.place::integer as item_number,
            {{ as_text('concept', 'expense.payload') }} as item_name,
            expense.payload
        from jsonb_array_elements(source.expenses) with ordinality as expense (payload, place)
        where jsonb_typeof(expense.payload) = 'object'
        union all
        select
            'total' as item_type,
            total.place::integer as item_number,
            {{ as_text('formulaName', 'total.payload') }} as item_name,
            jsonb_build_object('amount', total.payload -> 'totalValue') as payload
        from jsonb_array_elements(source.totals) with ordinality as total (payload, place)
        where jsonb_typeof(total.payload) = 'object'
    ) as item on true
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as owner_statement_id,
        item_type,
        item_number,
        {{ as_bigint('reservationId') }} as reservation_id,
        {{ as_bigint('id') }} as expense_id,
        {{ as_bigint('listingMapId') }} as listing_id,

        ---------- text
        item_name,

        ---------- numerics
        {{ as_numeric('amount') }} as amount,

        ---------- dates
        {{ as_date('expenseDate') }} as expense_date,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        entity_id,
        load_id
    from items
)

select * from typed
