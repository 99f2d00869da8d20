"""National code tables (满意度, 评价渠道, 测评指标), read once from `tables/`."""

import json
from importlib.resources import files
from typing import Any

_tables = files(__package__) / "tables"
_codes: dict[str, dict[str, Any]] = json.loads((_tables / "code-tables.json").read_text(encoding="utf-8"))
_indicators: list[dict[str, Any]] = json.loads((_tables / "evaluation-indicators.json").read_text(encoding="utf-8"))[
    "indicators"
]

LEVELS: dict[int, str] = {int(level): name for level, name in _codes["satisfaction"]["internal"].items()}
"""满意度: 5 非常满意 … 1 非常不满意."""

CHANNELS: dict[str, str] = _codes["channel_pf"]["national"]
"""评价渠道 `pf`."""

INDICATORS: dict[str, tuple[int, str]] = {row["code"]: (row["level"], row["name"]) for row in _indicators}
"""测评指标: code → (level, name), retired ones included: they stay readable."""

CURRENT_INDICATORS: frozenset[str] = frozenset(row["code"] for row in _indicators if row["status"] == "active")
"""The codes in use since 2020-08."""

CORE_INDICATORS: frozenset[str] = frozenset(row["code"] for row in _indicators if row["base"])
"""The three of each level that every channel offers; the others are expansion."""

BAD_LEVELS = frozenset({1, 2})
"""差评: 不满意 and 非常不满意."""
