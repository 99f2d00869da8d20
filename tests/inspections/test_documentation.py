"""docs/inspections.md says what the tables hold: every column, its heading, and whether it is needed."""

import re
from pathlib import Path

import pytest

from haocha.inspections.columns import FINDINGS, TREE

GUIDE = (Path(__file__).parents[2] / "docs" / "inspections.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "columns"), [("tree", TREE), ("findings", FINDINGS)])
def test_columns_are_those_of_the_program(name, columns):
    """In their order, and with their sizes."""
    text = GUIDE[GUIDE.index(f"<!-- columns: {name} -->") :].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| *(needed)? *\| .*at most ([\d,]+) characters \|$", text, re.MULTILINE)
    told = [(column, heading, bool(needed), int(size.replace(",", ""))) for column, heading, needed, size in rows]
    assert told == [(column.name, column.heading, column.needed, column.longest) for column in columns]
