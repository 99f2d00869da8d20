"""Imports: dry runs, faults, repeats, moves."""

from datetime import UTC, datetime

import pytest

from haocha.registry import files, importing, rows
from haocha.registry.files import Line, Table
from haocha.store import log
from haocha.store import registry as store

NOW = datetime(2025, 6, 1, tzinfo=UTC)
ORG = {"kind": "org", "deptCode": "TAX", "name": "税务局"}
HALL = {"kind": "hall", "hallCode": "H1", "name": "大厅", "areaCode": "990101000000"}
WINDOWS = [{"kind": "window", "hallCode": "H1", "windowNo": no, "name": no, "deptCode": "TAX"} for no in ("A01", "A02")]
STAFF = {"kind": "staff", "deptCode": "TAX", "staffNo": "7", "name": "甲", "hallCode": "H1", "windowNo": "A01"}
MATTER = {"kind": "matter", "taskCode": "T1", "taskHandleItem": "01", "name": "事项", "deptCode": "TAX"}
DEVICE = {"kind": "device", "deviceNo": "P1", "hallCode": "H1", "windowNo": "A02"}
CITY = [ORG, HALL, *WINDOWS, STAFF, MATTER, DEVICE]


def parsed(*cells):
    """Read rows as from a file; they hold from 2025-01-01 unless they say otherwise."""
    lines = [Line(number, {"validFrom": "2025-01-01"} | row) for number, row in enumerate(cells, start=2)]
    return rows.parse(Table(tuple(rows.COLUMNS), lines))


async def run(pool, *cells, apply=True):
    """Import rows and return the plan."""
    return await importing.run(pool, parsed(*cells), apply=apply, by="test", at=NOW)


async def test_a_dry_run_says_what_would_be_and_writes_nothing(pool):
    """Counts by topic, a line per change, and the log as it was."""
    plan = await run(pool, *CITY, apply=False)
    assert plan.counts == {
        "org.registered": 1,
        "hall.registered": 1,
        "window.registered": 2,
        "staff.registered": 1,
        "matter.registered": 1,
        "device.registered": 1,
    }
    assert "register staff TAX/7 甲 at H1/A01 from 2025-01-01" in plan.lines
    assert await log.head(pool) == 0


async def test_the_same_file_again_changes_nothing(pool):
    """Nor does an older file undo what a newer one brought."""
    await run(pool, *CITY)
    head = await log.head(pool)
    again = await run(pool, *CITY)
    assert (again.counts, again.unchanged) == ({}, len(CITY))
    await run(pool, STAFF | {"windowNo": "A02", "validFrom": "2025-03-01"})
    assert (await run(pool, *CITY)).counts == {}
    assert await log.head(pool) == head + 1


async def test_staff_who_move_keep_both_windows(pool):
    """A row from a later date closes the former period; both are in the file, or one after the other."""
    moved = STAFF | {"windowNo": "A02", "validFrom": "2025-03-01"}
    await run(pool, *CITY, moved)
    seats = [(rows.time_cell(p.start), p.facts.window) for p in (await store.load(pool)).periods("staff", "TAX/7")]
    assert seats == [("2025-01-01", "H1/A01"), ("2025-03-01", "H1/A02")]
    assert (await run(pool, *CITY, moved)).counts == {}


async def test_an_end_retires_and_a_gap_stays_open(pool):
    """The same row with a validTo ends the entry; a row after it begins anew."""
    await run(pool, *CITY)
    assert (await run(pool, STAFF | {"validTo": "2025-04-01"})).counts == {"staff.retired": 1}
    assert (await run(pool, STAFF | {"validFrom": "2025-05-01"})).counts == {"staff.changed": 1}
    registry = await store.load(pool)
    assert registry.valid("staff", "TAX/7", datetime(2025, 4, 15, tzinfo=UTC)) is None
    assert registry.valid("staff", "TAX/7", NOW) is not None


async def test_all_faults_are_listed_with_row_and_column(pool):
    """What is wrong in itself, among the rows, and against the registry; and nothing is written."""
    plan = await run(
        pool,
        ORG | {"areaCode": "9901", "name": ""} | {"name": "x" * 201},
        HALL | {"windowNo": "A01", "validTo": "2024-01-01"},
        {"kind": "counter"},
        {"kind": "staff", "deptCode": "WATER", "staffNo": "1/2", "hallCode": "H9"},
        {"kind": "org", "deptCode": "WATER", "name": "水务局", "parentDeptCode": "NONE", "validFrom": "2025-1-1"},
        {"kind": "window", "hallCode": "H8", "windowNo": "A01", "name": "一"},
        {"kind": "org", "deptCode": "A", "name": "甲", "parentDeptCode": "B", "validTo": "2025-03-01"},
        {"kind": "org", "deptCode": "A", "name": "甲", "validFrom": "2025-02-01"},
        {"kind": "org", "deptCode": "B", "name": "乙", "parentDeptCode": "A"},
        {"kind": "org", "deptCode": "B", "name": "乙"},
        {"kind": "matter", "taskCode": files.LOST_DIGITS, "name": "事项", "deptCode": "B"},
    )
    assert [(fault.row, fault.column) for fault in plan.faults] == [
        (2, "areaCode"),
        (2, "name"),
        (3, "validTo"),
        (3, "windowNo"),
        (4, "kind"),
        (5, "name"),
        (5, "staffNo"),
        (5, "windowNo"),
        (6, "validFrom"),
        (7, "hallCode"),
        (8, "parentDeptCode"),
        (8, "validTo"),
        (10, "parentDeptCode"),
        (11, "validFrom"),
        (12, "taskCode"),
    ]
    assert await log.head(pool) == 0


@pytest.mark.parametrize(
    ("columns", "faults"),
    [
        (("kind", "validFrom", "colour"), [(1, "colour")]),
        (("kind",), [(1, "validFrom")]),
        (("kind", "validFrom", "name", "name", ""), [(1, ""), (1, "name")]),
    ],
)
def test_unknown_missing_and_doubled_columns_are_faults(columns, faults):
    """A mistyped heading must not lose a column."""
    assert sorted((fault.row, fault.column) for fault in rows.parse(Table(columns, [])).faults) == faults


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
async def test_an_export_imported_again_changes_nothing(pool, tmp_path, ending):
    """The whole history goes out and comes back, times of day included."""
    moved = STAFF | {"windowNo": "A02", "validFrom": "2025-03-01 13:30:00"}
    await run(pool, *CITY, moved, DEVICE | {"deviceNo": "P2", "validTo": "2025-02-01"})
    registry = await store.load(pool)
    file = tmp_path / f"city{ending}"
    assert files.write(file, tuple(rows.COLUMNS), rows.export(registry)) == len(CITY) + 2
    again = await importing.run(pool, rows.parse(files.read(file)), apply=True, by="test", at=NOW)
    assert (again.faults, again.counts, again.unchanged) == ([], {}, len(CITY) + 1)
