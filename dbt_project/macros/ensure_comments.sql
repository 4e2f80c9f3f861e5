{#-
    Makes the descriptions of a model and of its columns comments of its table or view, where psql and BI tools show them.
    They are written when the relation is new or a text has changed: dbt's persist_docs writes all of them at every run.

    The texts are passed as JSON without any character that could end the quotes around it. Only the owner of a table may
    comment on it; ops.describe leaves the comments of other tables as they are.
-#}
{% macro ensure_comments() -%}
    {%- set texts = {"": _on_one_line(model.description)} -%}
    {%- for column in model.columns.values() -%}
        {%- do texts.update({column.name: _on_one_line(column.description)}) -%}
    {%- endfor %}
    {%- set json = tojson(texts) | replace("$", "\\u0024") -%}
    select ops.describe('{{ this }}', '{{ local_md5(json) }}', $json${{ json }}$json$);
{%- endmacro %}

{% macro _on_one_line(text) -%}
    {{ return((text or "").split() | join(" ")) }}
{%- endmacro %}
