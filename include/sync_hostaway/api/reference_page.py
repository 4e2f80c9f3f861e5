"""An OpenAPI document as text: a page for a browser, or the tables of docs/api-reference.md."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { border-top: 1px solid #ccc; padding-top: 1rem; } h2 code { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border: 1px solid #ddd; padding: .2rem .5rem; text-align: left; }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; }
"""


def page(document: Document) -> str:
    """A page that needs nothing but itself."""
    parts = [f"<h1>{_text(document['info']['title'])}</h1><p>{_text(document['info']['description'])}</p>"]
    for method, path, operation in operations(document):
        parts.append(f"<h2><code>{method} {_text(path)}</code></h2><p><b>{_text(operation['summary'])}</b></p>")
        parts.append(f"<p>{_text(operation.get('description', ''))}</p><p>{_text(credentials(operation))}</p>")
        parts.append(_table(("Parameter", "In", "Type", ""), parameters(document, operation)))
        if example := request_example(document, operation):
            parts.append(f"<p>Request</p><pre>{_text(example)}</pre>")
        if example := response_example(document, operation):
            parts.append(f"<p>Answer</p><pre>{_text(example)}</pre>")
        parts.append(_table(("Status", ""), answers(operation)))
    title = _text(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def markdown(document: Document) -> str:
    """The same as sections of a Markdown file."""
    parts: list[str] = []
    for method, path, operation in operations(document):
        parts.append(f"### `{method} {document['servers'][0]['url']}{path}`\n\n{operation['summary']}.")
        parts.append(" ".join(operation.get("description", "").split()) + f" {credentials(operation)}")
        rows = parameters(document, operation)
        if rows:
            parts.append(_lines("| Parameter | In | Type | |\n|---|---|---|---|", rows))
        if example := request_example(document, operation):
            parts.append(f"```json\n{example}\n```")
        if example := response_example(document, operation):
            parts.append(f"Answers\n\n```json\n{example}\n```")
        parts.append(_lines("| Status | |\n|---|---|", answers(operation)))
    return "\n\n".join(parts) + "\n"


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Method, path and description of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def credentials(operation: Document) -> str:
    """Who may call it."""
    for requirement in operation.get("security", ()):
        if "ApiToken" in requirement:
            return f"Needs an API token with the scope {', '.join(requirement['ApiToken'])}."
        if "Operator" in requirement:
            return "Needs a token of Airflow."
    return "Needs no credentials."


def parameters(document: Document, operation: Document) -> list[tuple[str, ...]]:
    """Name, place, type and meaning of each parameter."""
    return [
        (
            parameter["name"] + ("" if parameter["required"] else " (optional)"),
            parameter["in"],
            _type(document, parameter["schema"]),
            parameter.get("description", ""),
        )
        for parameter in operation.get("parameters", ())
    ]


def answers(operation: Document) -> list[tuple[str, ...]]:
    """Status and meaning of each answer."""
    return [(status, response["description"]) for status, response in sorted(operation["responses"].items())]


def request_example(document: Document, operation: Document) -> str | None:
    """A body to send, if there is one."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return _shown(example_of(document, content["schema"])) if content else None


def response_example(document: Document, operation: Document) -> str | None:
    """The body of a good answer, if there is one."""
    good = next(response for status, response in sorted(operation["responses"].items()) if status.startswith("2"))
    schema = good.get("content", {}).get("application/json", {}).get("schema", {})
    return _shown(example_of(document, schema)) if "$ref" in schema else None


def example_of(document: Document, schema: Document) -> Any:
    """A value of a schema, of the examples in it."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for choice in schema.get("anyOf", ()):
        return example_of(document, choice)
    if "properties" in schema:
        return {name: example_of(document, field) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(document, schema.get("items", {}))]
    return schema.get("const", next(iter(schema.get("enum", ())), schema.get("default")))


def _type(document: Document, schema: Document) -> str:
    if "$ref" in schema:
        return _type(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    choices = [_type(document, choice) for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        return " or ".join(choices)
    if schema.get("type") == "array":
        return f"{_type(document, schema['items'])}, several"
    return str(schema.get("format") or schema.get("type", ""))


def _shown(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _text(value: str) -> str:
    return html.escape(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>"


def _lines(head: str, rows: list[tuple[str, ...]]) -> str:
    return "\n".join([head, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])
