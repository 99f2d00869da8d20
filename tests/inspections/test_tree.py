"""The tree of indicators: checked as a whole, published as versions."""

from datetime import UTC, datetime

import pytest
from python_calamine import CalamineWorkbook

from haocha.inspections import template, tree
from haocha.inspections.columns import FINDINGS
from haocha.registry import files
from tests.inspections.test_importing import STANDARDS, tree_table

AT = datetime(2026, 11, 21, tzinfo=UTC)


async def publish(pool, install, *nodes, apply=True):
    """Import a tree."""
    return await tree.publish(pool, install, tree_table(*nodes), apply=apply, by="test", at=AT)


async def test_versions_follow_each_other_and_the_same_changes_nothing(pool, install):
    """Dry run, first version, the same again, a second one."""
    assert await publish(pool, install, *STANDARDS, apply=False) == ("1", 2, True, [])
    assert (await tree.load(pool, install)).version == ""
    assert await publish(pool, install, *STANDARDS) == ("1", 2, True, [])
    assert await publish(pool, install, *STANDARDS) == ("1", 2, False, [])
    assert (await publish(pool, install, *STANDARDS, ("B", "环境", "", "1"))).version == "2"
    known = await tree.load(pool, install)
    assert known.path("A1") == ("窗口服务", "一次性告知")
    assert known.path("Z") == ()


@pytest.mark.parametrize(
    ("nodes", "faults"),
    [
        ([("A", "", "", "")], {(2, "name", "missing")}),
        ([("A", "甲", "B", "")], {(2, "parent", "unknown_parent")}),
        ([("A", "甲", "B", ""), ("B", "乙", "A", "")], {(2, "parent", "circular"), (3, "parent", "circular")}),
        ([("A", "甲", "A", "")], {(2, "parent", "circular")}),
        ([("A", "甲", "", "重")], {(2, "weight", "not_a_weight")}),
        ([("A", "甲", "", "-1")], {(2, "weight", "not_a_weight")}),
        ([("A", "甲", "", "NaN")], {(2, "weight", "not_a_weight")}),
        ([("A", "甲", "", ""), ("A", "乙", "", "")], {(3, "code", "repeated")}),
    ],
)
async def test_faults_are_named(pool, install, nodes, faults):
    """And nothing is published."""
    plan = await publish(pool, install, *nodes)
    assert {fault[:3] for fault in plan.faults} == faults
    assert (await tree.load(pool, install)).version == ""


async def test_export_imports_as_the_same(pool, install, tmp_path):
    """Through a file of either form."""
    await publish(pool, install, *STANDARDS)
    known = await tree.load(pool, install)
    for name in ("tree.csv", "tree.xlsx"):
        files.write(tmp_path / name, ("code", "name", "parent", "weight"), tree.rows(known))
        plan = await tree.publish(pool, install, files.read(tmp_path / name), apply=True, by="test", at=AT)
        assert (plan.changed, plan.faults) == (False, [])


async def test_template_is_an_empty_table_with_its_guide_and_the_tree(pool, install, tmp_path):
    """What is filled in comes back by the same columns."""
    await publish(pool, install, *STANDARDS)
    file = tmp_path / "template.xlsx"
    template.write(file, await tree.load(pool, install))
    book = CalamineWorkbook.from_path(file)
    assert book.sheet_names == list(template.SHEETS)
    assert book.get_sheet_by_index(0).to_python() == [[column.heading for column in FINDINGS]]
    assert [row[0] for row in book.get_sheet_by_index(1).to_python()] == [column.heading for column in FINDINGS]
    assert book.get_sheet_by_index(2).to_python()[1:] == [["A", "窗口服务", "", ""], ["A1", "一次性告知", "A", "0.5"]]
    assert files.read(file).lines == []
