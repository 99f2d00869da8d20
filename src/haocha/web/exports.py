"""Lists as XLSX: written row by row to a file without a name, in constant memory, then sent in chunks.

Every cell is text: a spreadsheet program computes nothing of what citizens and clerks wrote, however it begins.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import IO, Any, Final
from urllib.parse import quote

import msgspec
import xlsxwriter
from litestar.response import Stream

from haocha.web import pages
from haocha.web.problems import Problem

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_CELL: Final = 32_767  # of the format itself
MOST_ROWS: Final = 1_000_000  # a sheet holds 1,048,576
CHUNK: Final = 64 * 1024
AT_ONCE: Final = 2  # exports that one process writes at the same time

_writing = 0


class Column(msgspec.Struct, frozen=True):
    """A column: its heading, and how many characters wide it is."""

    title: str
    width: int = 14


class Sheet(msgspec.Struct, frozen=True):
    """A sheet: its name, what stands above the table, the columns, and the rows as they come."""

    name: str
    columns: Sequence[Column]
    rows: AsyncIterator[Sequence[Sequence[str]]]
    heading: Sequence[str] = ()


async def spreadsheet(filename: str, sheets: Sequence[Sheet]) -> Stream:
    """Write the sheets and answer with the file; raises `503` while others are being written."""
    with _slot():
        file = await write(sheets)
    size = file.seek(0, 2)
    file.seek(0)
    headers = pages.PERSONAL | {
        "Content-Disposition": f"attachment; filename=\"haocha.xlsx\"; filename*=UTF-8''{quote(filename)}",
        "Content-Length": str(size),
    }
    return Stream(_chunks(file), media_type=MEDIA_TYPE, headers=headers)


async def write(sheets: Sequence[Sheet]) -> IO[bytes]:
    """Write the sheets to a temporary file, which is gone when it is closed."""
    file = tempfile.TemporaryFile(prefix="haocha-")  # noqa: SIM115 (whoever reads it closes it)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book: Any = xlsxwriter.Workbook(file, options)
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    try:
        for sheet in sheets:
            page = book.add_worksheet(sheet.name)
            for number, column in enumerate(sheet.columns):
                page.set_column(number, number, column.width)
            top = len(sheet.heading)
            page.freeze_panes(top + 1, 0)
            _write(page, 0, [[line] for line in sheet.heading], None)
            _write(page, top, [[column.title for column in sheet.columns]], bold)
            row = top + 1
            async for batch in sheet.rows:
                await asyncio.to_thread(_write, page, row, batch, wrapped)
                row += len(batch)
        await asyncio.to_thread(book.close)
    except BaseException:
        file.close()
        raise
    return file


async def all_at_once(rows: Iterable[Sequence[str]]) -> AsyncIterator[Sequence[Sequence[str]]]:
    """Yield rows that are in memory already."""
    yield list(rows)


def _write(page: Any, first: int, rows: Iterable[Sequence[str]], form: Any) -> None:
    for number, cells in enumerate(rows, start=first):
        for column, text in enumerate(cells):
            if text:
                page.write_string(number, column, text[:LONGEST_CELL], form)


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


@contextlib.contextmanager
def _slot() -> Iterator[None]:
    """Keep others out while enough exports are being written."""
    global _writing  # noqa: PLW0603 (one number for the process)
    if _writing >= AT_ONCE:
        raise Problem(503, "busy", "正在生成其他导出文件，请过一会儿再试。", headers={"Retry-After": "20"})
    _writing += 1
    try:
        yield
    finally:
        _writing -= 1
