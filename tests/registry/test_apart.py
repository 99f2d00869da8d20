"""Tables that somebody uploaded are read apart: what takes too much to read ends its own process only."""

import pytest
import xlsxwriter

from haocha.registry import apart, files


def spreadsheet(file, *cells):
    """Write a spreadsheet of a few cells and return its bytes."""
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for row, column, text in cells:
            sheet.write_string(row, column, text)
    return file.read_bytes()


def test_table_is_read_as_in_this_process(tmp_path):
    """The same cells, from either form."""
    body = spreadsheet(tmp_path / "a.xlsx", (0, 0, "name"), (1, 0, "云岫大厅"))
    for suffix, content in ((".xlsx", body), (".csv", "name\n云岫大厅\n".encode("gbk"))):
        assert apart.read(content, suffix) == files.Table(("name",), [files.Line(2, {"name": "云岫大厅"})])


def test_spreadsheet_that_claims_too_much_room_is_refused(tmp_path):
    """Two cells in opposite corners are 17 thousand million cells to whoever lays them out."""
    body = spreadsheet(tmp_path / "a.xlsx", (0, 0, "name"), (1_048_575, 16_383, "x"))
    assert len(body) < 10_000
    with pytest.raises(files.Unreadable):
        apart.read(body, ".xlsx")


def test_time_is_limited_too(monkeypatch):
    """A child that does not end is ended."""
    monkeypatch.setattr(apart, "SECONDS", -4.99)
    with pytest.raises(files.Unreadable):
        apart.read(b"name\n", ".csv")
