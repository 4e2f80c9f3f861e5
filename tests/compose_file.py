"""docker-compose.yaml as Docker Compose would read it: anchors, variables, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[1]
COMPOSE_FILE = PROJECT / "docker-compose.yaml"
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class NotSet(ValueError):
    """A required variable has no value."""


@dataclass(frozen=True)
class Variable:
    """`${NAME:-argument}`, wherever it stands."""

    name: str
    operator: str
    argument: str

    @property
    def required(self) -> bool:
        return self.operator in (":?", "?")


def load(path: Path = COMPOSE_FILE) -> dict[str, Any]:
    """The file with its anchors resolved."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def strings(tree: Any) -> Iterator[str]:
    """Every string value of a tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from strings(value)


def variables(text: str) -> list[Variable]:
    """The variables of a string, those inside of defaults included."""
    found = []
    for part in _parts(text):
        if isinstance(part, Variable):
            found += [part, *(variables(part.argument) if part.operator.endswith("-") else [])]
    return found


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """A string with its variables replaced.

    :raises NotSet: with the message of the file, when a required one is missing.
    """
    return "".join(part if isinstance(part, str) else _value(part, values) for part in _parts(text))


def environment(service: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service's container; a name without a value is passed on if it has one."""
    result = {}
    for name, value in service["environment"].items():
        if value is not None:
            result[name] = interpolate(str(value), values)
        elif name in values:
            result[name] = values[name]
    return result


def _value(variable: Variable, values: Mapping[str, str]) -> str:
    value = values.get(variable.name)
    if value or (value is not None and not variable.operator.startswith(":")):
        return value
    if variable.required:
        raise NotSet(f"{variable.name}: {variable.argument}")
    return interpolate(variable.argument, values)


def _parts(text: str) -> Iterator[str | Variable]:
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        yield text[position:dollar]
        if text.startswith("$$", dollar):
            yield "$"
            position = dollar + 2
            continue
        assert text.startswith("${", dollar), f"a lone $ in {text!r}"
        position = _closing_brace(text, dollar + 2) + 1
        yield _variable(text[dollar + 2 : position - 1])
    yield text[position:]


def _variable(body: str) -> Variable:
    length = next((index for index, sign in enumerate(body) if not (sign.isalnum() or sign == "_")), len(body))
    rest = body[length:]
    operator = next((operator for operator in _OPERATORS if rest.startswith(operator)), "")
    assert bool(operator) == bool(rest), f"not a variable: ${{{body}}}"
    return Variable(body[:length], operator, rest.removeprefix(operator))


def _closing_brace(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    raise AssertionError(f"no closing brace in {text!r}")
