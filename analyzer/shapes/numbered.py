"""Attributes that number what they say, as ``gen_ai.prompt.0.content``, folded into one list.

Names are those of traceloop's instrumentation (traceloop/openllmetry, opentelemetry-semantic-conventions-ai).
"""

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

from analyzer.json_text import parse_nested
from analyzer.shapes.layout import Sheet

_NUMBERED = re.compile(r"(gen_ai\.prompt|gen_ai\.completion|llm\.request\.functions)\.(\d{1,9})\.(.+)", re.DOTALL)
_CALL = re.compile(r"tool_calls\.(\d{1,9})\.(.+)", re.DOTALL)


def fold(sheet: Sheet) -> Sheet:
    """The sheet with one inner field for all numbered ones of a name: a list of objects in order of their numbers."""
    found = {name: match for name in sheet.inner if (match := _NUMBERED.fullmatch(name))}
    if not found:
        return sheet
    inner = {name: column for name, column in sheet.inner.items() if name not in found}
    for base in dict.fromkeys(match[1] for match in found.values()):
        named = [(int(match[2]), match[3], sheet.inner[name]) for name, match in found.items() if match[1] == base]
        plain = sheet.inner.get(base, [None] * len(sheet.rows))
        inner[base] = [
            _objects([(number, key, column[row]) for number, key, column in named]) or plain[row]
            for row in range(len(sheet.rows))
        ]
    new = inner.keys() - sheet.inner.keys()
    return replace(sheet, inner=inner, inner_names=frozenset(new | (sheet.inner_names - found.keys())))


def _objects(said: list[tuple[int, str, Any]]) -> list[dict[str, Any]]:
    objects: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    calls: defaultdict[int, defaultdict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for number, key, value in said:
        if value is None:
            continue
        if call := _CALL.fullmatch(key):
            calls[number][int(call[1])][call[2]] = value
            continue
        parts = parse_nested(value) if key == "content" else value
        is_parts = isinstance(parts, list) and all(isinstance(part, dict) for part in parts)
        objects[number][key] = parts if is_parts else value
    for number, own in calls.items():
        objects[number]["tool_calls"] = [own[place] for place in sorted(own)]
    return [objects[number] for number in sorted(objects)]
