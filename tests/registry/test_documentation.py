"""The table is documented."""

from pathlib import Path

from haocha.registry.rows import COLUMNS, SHAPES

ROOT = Path(__file__).parents[2]


def test_every_column_is_in_the_documentation():
    """docs/registry.md says of each column what the program says, and marks the kinds that may have it."""
    lines = (ROOT / "docs" / "registry.md").read_text(encoding="utf-8").splitlines()
    table = {cells[1].strip(" `"): cells for cells in (line.split("|") for line in lines if line.startswith("| `"))}
    assert list(table) == list(COLUMNS)
    for column, (_, _, says, *marks, _) in table.items():
        assert says.strip() == COLUMNS[column]
        for mark, shape in zip(marks, SHAPES.values(), strict=True):
            expected = column in (*shape.key, *shape.needed, *shape.allowed, "kind", "validFrom", "validTo")
            assert bool(mark.strip()) == expected, column
