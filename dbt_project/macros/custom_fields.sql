{#- The columns of a custom field, from the element `payload` of `customFieldValues`. -#}
{% macro custom_field_columns() -%}
    coalesce(
        {{ as_bigint('customFieldId') }}, {{ as_bigint('id', "(payload -> 'customField')") }}
    ) as custom_field_id,
    {{ as_text('name', "(payload -> 'customField')") }} as field_name,
    {{ as_text('type', "(payload -> 'customField')") }} as field_type,
    {{ custom_field_value('payload', 'account_id') }} as field_value,
    {{ as_boolean('isPublic', "(payload -> 'customField')") }} as is_public,
    {{ as_timestamptz('insertedOn') }} as inserted_at,
    {{ as_timestamptz('updatedOn') }} as updated_at
{%- endmacro %}
