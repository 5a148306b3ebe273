"""Writes the small TOML files of the demo."""

import json
from collections.abc import Mapping, Sequence


def toml_text(tables: Mapping[str, Mapping[str, object] | Sequence[Mapping[str, object]]]) -> str:
    """TOML of `{table: {key: value}}` and `{table: [{key: value}, ...]}` (an array of tables).

    Values are text, numbers, booleans and lists of these: for them JSON's notation is TOML's too.
    """
    lines: list[str] = []
    for name, content in tables.items():
        if isinstance(content, Mapping):
            lines += [f"[{name}]" if name else "", *_pairs(content), ""]
        else:
            for one in content:
                lines += [f"[[{name}]]", *_pairs(one), ""]
    return "\n".join(lines)


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
