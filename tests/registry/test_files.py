"""CSV and XLSX as people save them."""

import pytest

from haocha.registry import files

TEXT = "kind,hallCode,name,areaCode,validFrom\nhall,H1,云岫大厅,990101000000,2025-01-01\n,,,,\n"
CELLS = {"kind": "hall", "hallCode": "H1", "name": "云岫大厅", "areaCode": "990101000000", "validFrom": "2025-01-01"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_csv_is_read_in_the_encodings_that_spreadsheets_write(tmp_path, encoding):
    """With or without a mark, in UTF-8 or GBK, and empty rows are none."""
    file = tmp_path / "city.csv"
    file.write_bytes(TEXT.encode(encoding))
    assert files.read(file).lines == [files.Line(2, CELLS)]


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_what_was_written_is_read(tmp_path, ending):
    """Leading zeros, commas and long codes survive both forms."""
    file = tmp_path / f"city{ending}"
    columns, row = ("kind", "staffNo", "name", "taskCode"), ("staff", "007", '甲, "乙"', "1" * 31)
    assert files.write(file, columns, [row]) == 1
    assert files.read(file) == files.Table(columns, [files.Line(2, dict(zip(columns, row, strict=True)))])


def test_numbers_and_dates_of_a_spreadsheet_become_text(tmp_path):
    """12 digits are exact; 31 digits have lost some and are marked."""
    import xlsxwriter

    file = tmp_path / "city.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["areaCode", "taskCode", "validFrom"])
        sheet.write_number(1, 0, 990101000000)
        sheet.write_number(1, 1, float("1" * 31))
        sheet.write_datetime(
            1, 2, __import__("datetime").datetime(2025, 3, 1), book.add_format({"num_format": "yyyy-mm-dd"})
        )
    (line,) = files.read(file).lines
    assert line.cells == {"areaCode": "990101000000", "taskCode": files.LOST_DIGITS, "validFrom": "2025-03-01"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("city.txt", b"x", "ends in .csv or .xlsx"),
        ("city.csv", b"", "is empty"),
        ("city.csv", b"\xff\xff\xff", "neither UTF-8 nor GBK"),
        ("city.csv", b'kind\n"open', "not CSV"),
        ("city.xlsx", b"no zip", "not a readable XLSX"),
    ],
)
def test_an_unreadable_file_says_what_would_be_read(tmp_path, name, content, message):
    """The message names the file and what to do."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(files.Unreadable, match=message):
        files.read(file)
