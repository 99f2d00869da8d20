"""Findings from a table: every fault by row and column, each finding once, with its photos."""

import io
import zipfile
from datetime import UTC, date, datetime

import pytest

from haocha.domain.inspection import finding_id
from haocha.domain.ticket_events import Actor
from haocha.inspections import importing, photos, tree
from haocha.inspections.columns import FINDINGS, english
from haocha.inspections.findings import read_date
from haocha.registry import importing as registry_import
from haocha.registry import rows
from haocha.registry.files import LOST_DIGITS, Line, Table
from haocha.store import evidence, log, vault
from haocha.store import registry as registry_store
from tests.web.running import CITY, SINCE
from tests.world import World

AT = datetime(2026, 11, 21, tzinfo=UTC)
BY = Actor("li", "", "inspector")
JPEG = b"\xff\xd8\xff" + b"0" * 40
STANDARDS = [("A", "窗口服务", "", ""), ("A1", "一次性告知", "A", "0.5")]
HEADINGS = {column.name: column.heading for column in FINDINGS}


def finding(number="1", **changes):
    """Return the cells of a good finding; a cell changed to None is left out."""
    cells = {
        "findingNo": number,
        "standard": "A1",
        "foundDate": "2026-11-20",
        "problem": "未公示一次性告知单",
        "hallCode": "H01",
        "windowNo": "A01",
    } | changes
    return {name: cell for name, cell in cells.items() if cell is not None}


def table(*findings, headings=None):
    """Return findings as they come out of a file."""
    columns = list(headings or HEADINGS.values())
    lines = [
        Line(number, {HEADINGS.get(name, name): cell for name, cell in cells.items()})
        for number, cells in enumerate(findings, start=2)
    ]
    return Table(tuple(columns), lines)


def tree_table(*nodes):
    """Return a tree as it comes out of a file."""
    names = ("code", "name", "parent", "weight")
    lines = [
        Line(number, {name: cell for name, cell in zip(names, node, strict=True) if cell})
        for number, node in enumerate(nodes, start=2)
    ]
    return Table(names, lines)


@pytest.fixture
async def desk(pool, install, keys):
    """Take findings in, over a small city and a published tree."""
    lines = [Line(number, {"validFrom": SINCE, **cells}) for number, cells in enumerate(CITY, start=2)]
    plan = await registry_import.run(pool, rows.parse(Table(tuple(rows.COLUMNS), lines)), apply=True, by="test", at=AT)
    assert plan.faults == []
    await tree.publish(pool, install, tree_table(*STANDARDS), apply=True, by="test", at=AT)
    return importing.Desk(pool, install, keys, await registry_store.load(pool))


async def run(desk, *findings, apply=True, pictures=None, **more):
    """Import findings."""
    source = pictures or photos.Nowhere()
    return await importing.run(desk, table(*findings, **more), source, by=BY, at=AT, apply=apply)


async def stored(desk, number="1"):
    """Return a finding as it lies in the log."""
    [recorded] = await log.read_stream(desk.pool, finding_id(desk.install.namespace, number))
    return recorded.event


async def test_finding_is_placed_and_its_text_kept_apart(desk):
    """Codes of the place and its department; the inspector; the version of the tree it was held against."""
    plan = await run(desk, finding(taskName="社保卡"))
    assert (len(plan.new), plan.faults) == (1, [])
    event = await stored(desk)
    assert (event.window, event.dept, event.hall, event.area) == ("H01/A01", "TAX", "H01", "370102000000")
    assert (event.standard, event.tree_version, event.found_on, event.by) == ("A1", "1", date(2026, 11, 20), BY)
    assert event.said == {"taskName": "社保卡"}
    bodies = await vault.bodies(desk.pool, [event.texts["problem"].id])
    assert list(bodies.values()) == ["未公示一次性告知单"]


async def test_dry_run_writes_nothing(desk):
    """It says what would be."""
    before = await log.head(desk.pool)
    plan = await run(desk, finding("1"), finding("2"), apply=False)
    assert (len(plan.new), plan.unchanged) == (2, 0)
    assert await log.head(desk.pool) == before


async def test_same_finding_again_changes_nothing(desk):
    """By its number; other content under the number is a fault."""
    await run(desk, finding("1"))
    plan = await run(desk, finding("1", foundDate="2026/11/20"), finding("2"))
    assert (len(plan.new), plan.unchanged, plan.faults) == (1, 1, [])
    plan = await run(desk, finding("1", problem="另一个问题"), finding("3"))
    assert [(fault.row, fault.column, fault.code) for fault in plan.faults] == [(2, "findingNo", "other_content")]
    assert plan.new == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"findingNo": None}, ("findingNo", "missing")),
        ({"findingNo": LOST_DIGITS}, ("findingNo", "lost_digits")),
        ({"findingNo": "1/2"}, ("findingNo", "slash")),
        ({"problem": None}, ("problem", "missing")),
        ({"problem": "长" * 2001}, ("problem", "too_long")),
        ({"problem": "x\x07"}, ("problem", "control_character")),
        ({"standard": "Z9"}, ("standard", "unknown_standard")),
        ({"foundDate": "昨天"}, ("foundDate", "not_a_date")),
        ({"foundDate": "2026-02-30"}, ("foundDate", "not_a_date")),
        ({"foundDate": "2026-11-22"}, ("foundDate", "future")),
        ({"areaCode": "37"}, ("areaCode", "not_an_area")),
        ({"hallCode": "H09"}, ("hallCode", "unknown_hall")),
        ({"windowNo": "Z99"}, ("windowNo", "unknown_window")),
        ({"deptCode": "NO"}, ("deptCode", "unknown_dept")),
        ({"deptCode": "TAX", "staffNo": "99"}, ("staffNo", "unknown_staff")),
        ({"staffNo": "7"}, ("deptCode", "dept_needed")),
        ({"hallCode": None}, ("hallCode", "hall_needed")),
        ({"hallCode": None, "windowNo": None}, ("hallCode", "no_place")),
        ({"unitCode": "NO"}, ("unitCode", "unknown_unit")),
        ({"photos": "a.jpg"}, ("photos", "photo_missing")),
        ({"photos": ";".join(f"{n}.jpg" for n in range(7))}, ("photos", "too_many_photos")),
    ],
)
async def test_each_fault_is_named_by_row_and_column(desk, changes, fault):
    """And nothing of the file is imported."""
    before = await log.head(desk.pool)
    plan = await run(desk, finding("good"), finding(**changes))
    assert (3, *fault) in {found[:3] for found in plan.faults}
    assert all(english(found) for found in plan.faults)
    assert (plan.new, await log.head(desk.pool)) == ([], before)


async def test_all_faults_are_told_at_once(desk):
    """Over rows and columns, in the order of the file; a number that stands twice names the first."""
    bad = finding("1", standard="Z9", foundDate="x")
    plan = await run(desk, finding("1"), bad, finding("2", hallCode="H09"))
    assert [(fault.row, fault.column) for fault in plan.faults] == [
        (3, "findingNo"),
        (3, "foundDate"),
        (3, "standard"),
        (4, "hallCode"),
    ]
    assert "row 2 already" in english(plan.faults[0])


@pytest.mark.parametrize(
    ("headings", "code"),
    [
        (["编号", "指标代码", "发现日期", "问题描述", "备注"], "unknown_column"),
        (["编号", "findingNo", "指标代码", "发现日期", "问题描述"], "repeated_column"),
        (["编号", "指标代码", "发现日期"], "missing_column"),
    ],
)
async def test_heading_is_checked_first(desk, headings, code):
    """By its names or the Chinese headings."""
    plan = await run(desk, finding(), headings=headings)
    assert {fault.code for fault in plan.faults} == {code}
    assert plan.faults[0].row == 1


async def test_finding_needs_a_published_tree(pool, install, keys):
    """Against what would it be held."""
    desk = importing.Desk(pool, install, keys, await registry_store.load(pool))
    plan = await run(desk, finding())
    assert "no_tree" in {fault.code for fault in plan.faults}


def zipped(**files):
    """Return a zip of files in a folder."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"照片/{name}.jpg", content)
    return photos.Zip(body)


async def test_photos_are_kept_as_evidence_with_the_finding(desk):
    """From a zip, named in the row; the same file twice is one."""
    plan = await run(
        desk, finding("1", photos="a.jpg；b.jpg"), finding("2", photos="a.jpg"), pictures=zipped(a=JPEG, b=JPEG + b"1")
    )
    assert plan.faults == []
    event = await stored(desk)
    assert [piece.media_type for piece in event.evidence] == ["image/jpeg", "image/jpeg"]
    assert await evidence.body(desk.pool, event.evidence[0].digest) == JPEG
    again = await run(desk, finding("1", photos="x.jpg;y.jpg"), pictures=zipped(x=JPEG + b"1", y=JPEG))
    assert (again.unchanged, again.faults) == (1, [])
    by_digest = await run(desk, finding("3", photos=event.evidence[0].digest))
    assert (len(by_digest.new), by_digest.faults) == (1, [])


async def test_photo_that_is_none_is_refused(desk):
    """By its content, whatever its name."""
    plan = await run(desk, finding(photos="a.jpg"), pictures=zipped(a=b"MZ\x90"))
    assert [(fault.column, fault.code, fault.detail) for fault in plan.faults] == [("photos", "photo_refused", "a.jpg")]


class Unflagged(zipfile.ZipInfo):
    """A name as Chinese Windows writes it: GBK, without the flag that says Unicode."""

    def _encodeFilenameFlags(self):  # noqa: N802 (the library's name)
        return self.filename.encode("gb18030"), self.flag_bits


def test_zip_names_of_chinese_programs_are_read():
    """Whatever bytes stand in the archive, the name is the one that people see."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(Unflagged("照片/窗口.jpg"), JPEG)
        archive.writestr("照片/大厅.jpg", JPEG)
    source = photos.Zip(body)
    assert [source.body(name) for name in ("窗口.jpg", "大厅.jpg", "别的.jpg")] == [JPEG, JPEG, None]


def test_folder_is_read_by_name_only(tmp_path):
    """No name leads out of it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (tmp_path / "in" / "a.jpg").write_bytes(JPEG)
    source = photos.opened(tmp_path / "in")
    assert (source.body("a.jpg"), source.body("../secret.jpg")) == (JPEG, None)


def test_broken_zip_is_said(tmp_path):
    """Not a stack trace."""
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(photos.Unreadable, match="zip"):
        photos.opened(tmp_path / "a.zip")


def test_zip_that_unpacks_to_too_much_is_refused():
    """A megabyte of nothing fits into a kilobyte; its size says so before anything is unpacked."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", JPEG + bytes(1_000_000))
    assert len(body.getvalue()) < 10_000
    assert photos.Zip(body, 2_000_000).body("a.jpg") is not None
    with pytest.raises(photos.Unreadable, match="split"):
        photos.Zip(body, 1_000_000)


def test_damaged_photo_is_empty():
    """The others can still be read, and nothing falls over."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", JPEG * 100)
    raw = bytearray(body.getvalue())
    raw[35:45] = b"\xff" * 10
    assert photos.Zip(io.BytesIO(raw)).body("a.jpg") == b""


@pytest.mark.parametrize("text", ["2026-11-02", "2026/11/2", "2026.11.2", "2026年11月2日", "2026-11-02 00:00:00"])
def test_days_are_read_as_people_write_them(text):
    """Also as spreadsheets turn them."""
    assert read_date(text) == date(2026, 11, 2)


async def test_imported_findings_open_tickets(desk):
    """The same loop, the same ledger."""
    world = await World(desk.pool, desk.install).begin()
    await run(desk, finding("1"), finding("2", unitCode="HR"))
    await world.react()
    tickets = await world.tickets()
    assert [(ticket.source, ticket.unit, ticket.snapshot.standard) for ticket in tickets] == [
        ("inspection", "TAX", "A1"),
        ("inspection", "HR", "A1"),
    ]
