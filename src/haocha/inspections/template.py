"""The template (模板): an empty table of findings, what belongs into each column, and the tree in force."""

import io
from pathlib import Path
from typing import Any, Final

from haocha.domain.inspection import Tree
from haocha.inspections.columns import FINDINGS, TREE

SHEETS: Final = ("查评问题", "说明", "指标体系")
WIDTHS: Final = {"problem": 48, "taskName": 28, "photos": 28}
USUAL_WIDTH: Final = 14


def write(target: Path | io.BytesIO, tree: Tree) -> None:
    """Write the template as XLSX; all cells are texts, so that codes keep their leading zeros."""
    import xlsxwriter  # noqa: PLC0415 (loads a spreadsheet writer)

    with xlsxwriter.Workbook(target, {"strings_to_numbers": False, "strings_to_formulas": False}) as book:
        text, head = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"}), _head(book)
        sheet = book.add_worksheet(SHEETS[0])
        for index, column in enumerate(FINDINGS):
            sheet.set_column(index, index, WIDTHS.get(column.name, USUAL_WIDTH), text)
            sheet.write_string(0, index, column.heading, head[column.needed])
            sheet.write_comment(0, index, column.said)
        sheet.freeze_panes(1, 1)
        guide = book.add_worksheet(SHEETS[1])
        guide.set_column(0, 1, 16, text)
        guide.set_column(2, 2, 80, text)
        for row, column in enumerate(FINDINGS):
            for index, cell in enumerate((column.heading, column.name, column.said)):
                guide.write_string(row, index, cell, head[column.needed] if index == 0 else text)
        _tree(book.add_worksheet(SHEETS[2]), tree, text, head)


def _head(book: Any) -> dict[bool, Any]:
    """Return the formats of headings: those that must be filled in stand out."""
    usual = {"bold": True, "bottom": 1, "num_format": "@"}
    return {False: book.add_format(usual), True: book.add_format(usual | {"bg_color": "#fbeedd"})}


def _tree(sheet: Any, tree: Tree, text: Any, head: dict[bool, Any]) -> None:
    for index, column in enumerate(TREE):
        sheet.set_column(index, index, 48 if column.name == "name" else USUAL_WIDTH, text)
        sheet.write_string(0, index, column.heading, head[False])
    for row, node in enumerate(tree.nodes.values(), start=1):
        for index, cell in enumerate((node.code, node.name, node.parent, node.weight)):
            sheet.write_string(row, index, cell, text)
    sheet.freeze_panes(1, 0)
