"""Fault rules: which calls they match and when they apply. What they do is in `fault_effects`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sync_hostaway.simulator.data.rows import JsonObject

# Before the call is served.
EARLY = frozenset(
    {
        "status_429",
        "status_5xx",
        "html_200",
        "fail_200",
        "expire_token",
        "forbid",
        "not_enabled",
        "slow",
        "reset",
        "drift",
    }
)
# On the answer.
LATE = frozenset({"half_page", "repeat_ids", "count_off", "cut_json", "bad_row", "spell", "blank", "columns"})
# On how a list is put together.
LIST = frozenset({"ignore", "page_cap", "reverse_order", "stale_order", "swap_ties"})
DEFECTS = frozenset(
    {"string_for_number", "missing_id", "unknown_status", "impossible_date", "nul_char", "lone_surrogate"}
)
_OPTIONS: dict[str, JsonObject] = {
    "status_429": {"retry_after": 1.0},
    "status_5xx": {"status": 503},
    "html_200": {},
    "fail_200": {"message": "Internal error"},
    "expire_token": {},
    "forbid": {"message": "Reservation cannot be modified"},
    "not_enabled": {"status": 403, "message": "Financial reporting feature is not enabled for your account"},
    "slow": {"seconds": 1.0},
    "reset": {},
    "drift": {"update": 1, "insert": 0, "delete": 0},
    "half_page": {"keep": 0.5},
    "repeat_ids": {},
    "count_off": {"by": 1, "form": "number"},
    "cut_json": {"close": True},
    "bad_row": {"defect": "string_for_number", "row": 0, "id": None},
    "spell": {"field": "id", "form": "float"},
    "blank": {"field": "updatedOn"},
    "columns": {"drop": "", "reverse": False},
    "ignore": {"parameter": "sortOrder"},
    "page_cap": {"rows": 10},
    "reverse_order": {},
    "stale_order": {},
    "swap_ties": {},
}
_FORMS = {"count_off": {"number", "text", "absent"}, "spell": {"float", "text", "padded", "slashes"}}
_RULE_KEYS = frozenset({"match", "after", "times", "kind"})
_MATCH_KEYS = frozenset({"path", "resource", "method", "account"})


@dataclass(slots=True)
class FaultRule:
    """Applies to `times` matching calls (0 = to all) after the first `after` of them have passed.

    path: regular expression searched in path and query; resource: name of a route's resource; account: its id.
    """

    id: int
    kind: str
    path: re.Pattern[str] | None = None
    resource: str | None = None
    method: str | None = None
    account: int | None = None
    after: int = 0
    times: int = 1
    options: JsonObject = field(default_factory=dict)
    matched: int = 0
    applied: int = 0
    # of `stale_order`: the ids of each list in the order in which the rule saw it first
    seen: dict[Any, list[int]] = field(default_factory=dict)

    def matches(self, path: str, resource: str, method: str, account: int | None) -> bool:
        return (
            (self.path is None or self.path.search(path) is not None)
            and self.resource in (None, resource)
            and self.method in (None, method)
            and self.account in (None, account)
        )

    def take(self) -> bool:
        """Count a matching call; whether the fault applies to it."""
        self.matched += 1
        if self.matched <= self.after or (self.times and self.applied >= self.times):
            return False
        self.applied += 1
        return True

    def describe(self) -> JsonObject:
        return {"id": self.id, "kind": self.kind, "matched": self.matched, "applied": self.applied, **self.options}


def rule_from_json(id: int, data: JsonObject) -> FaultRule:
    """A rule from control's JSON; raises ValueError for anything unknown, so that a typo cannot pass a test."""
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _OPTIONS:
        raise ValueError(f"unknown fault kind {kind!r}, known are {sorted(_OPTIONS)}")
    match = data.get("match") or {}
    options = {key: value for key, value in data.items() if key not in _RULE_KEYS}
    unknown = set(options) - set(_OPTIONS[kind]) | set(match) - _MATCH_KEYS
    if unknown:
        raise ValueError(f"fault {kind} does not know {sorted(unknown)}")
    if kind == "bad_row" and options.get("defect", "string_for_number") not in DEFECTS:
        raise ValueError(f"unknown defect, known are {sorted(DEFECTS)}")
    if options.get("form", _OPTIONS[kind].get("form")) not in _FORMS.get(kind, {None}):
        raise ValueError(f"unknown form, known are {sorted(_FORMS[kind])}")
    try:
        path = re.compile(match["path"]) if match.get("path") else None
    except re.error as error:
        raise ValueError(f"path is not a regular expression: {error}") from None
    account = match.get("account")
    return FaultRule(
        id=id,
        kind=kind,
        path=path,
        resource=match.get("resource"),
        method=match.get("method"),
        account=None if account is None else int(account),
        after=int(data.get("after", 0)),
        times=int(data.get("times", 1)),
        options={**_OPTIONS[kind], **options},
    )


class FaultRules:
    """All rules in the order in which they were added."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []
        self._added = 0

    def add(self, data: JsonObject) -> FaultRule:
        rule = rule_from_json(self._added + 1, data)
        self._added += 1
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        self.rules.clear()

    def take(self, path: str, resource: str, method: str, account: int | None) -> list[FaultRule]:
        """The rules that apply to this call."""
        if not self.rules:
            return []
        return [rule for rule in self.rules if rule.matches(path, resource, method, account) and rule.take()]
