"""A row of the table of findings (查评问题): what is wrong with it, and the fact that it becomes."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Final, NamedTuple

import msgspec

from haocha.domain import keyed
from haocha.domain.inspection import Tree
from haocha.domain.registry import Registry, Resolved, Sent
from haocha.domain.workdays import SHANGHAI
from haocha.inspections import photos
from haocha.inspections.columns import FINDINGS, Fault, cell_faults
from haocha.registry.files import Line

DATE: Final = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?")
AREA: Final = re.compile(r"[0-9]{12}")
PLACES: Final = ("hallCode", "windowNo", "deptCode", "areaCode", "unitCode")
NOON: Final = time(12, tzinfo=SHANGHAI)
_encoder = msgspec.json.Encoder(order="sorted")


class Row(NamedTuple):
    """A row that is right in itself; `photos` are the names or digests of its files."""

    number: int
    cells: dict[str, str]
    found_on: date
    resolved: Resolved
    photos: tuple[str, ...]

    def digest(self, key: bytes, pictures: list[str]) -> str:
        """Return the keyed digest of what the row says; its photos by what they are, whatever their names."""
        content = {name: cell for name, cell in self.cells.items() if name != "photos"}
        said = content | {"foundDate": self.found_on.isoformat(), "photos": sorted(pictures)}
        return keyed.digest(key, _encoder.encode(said)).hex()


def read_date(text: str) -> date | None:
    """Read a day as people and spreadsheets write it; None where it is none."""
    match = DATE.fullmatch(text.removesuffix(" 00:00:00"))
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def read(line: Line, tree: Tree, registry: Registry, today: date) -> tuple[Row | None, list[Fault]]:
    """Read a row; None with its faults where it has any."""
    faults = [*cell_faults(line, FINDINGS), *_faults(line, tree, today)]
    found_on = read_date(line.cells.get("foundDate", ""))
    if found_on is None:
        return None, faults
    at = datetime.combine(found_on, NOON)
    faults += _unknown(line, registry, at)
    if faults:
        return None, faults
    cell = line.cells.get
    sent = Sent(
        cell("windowNo", ""),
        cell("staffNo", ""),
        cell("taskCode", ""),
        "",
        cell("deptCode", ""),
        cell("hallCode", ""),
        cell("areaCode", ""),
        "",
        "",
        "",
    )
    files = tuple(photos.names(cell("photos", "")))
    return Row(line.number, line.cells, found_on, registry.resolve(sent, at), files), []


def _faults(line: Line, tree: Tree, today: date) -> Iterator[Fault]:
    number, cells = line.number, line.cells
    if day := cells.get("foundDate"):
        found_on = read_date(day)
        if found_on is None:
            yield Fault(number, "foundDate", "not_a_date")
        elif found_on > today:
            yield Fault(number, "foundDate", "future")
    if (standard := cells.get("standard")) and standard not in tree.nodes:
        yield Fault(number, "standard", "unknown_standard" if tree.version else "no_tree", tree.version)
    if (area := cells.get("areaCode")) and not AREA.fullmatch(area):
        yield Fault(number, "areaCode", "not_an_area")
    if not any(cells.get(name) for name in PLACES):
        yield Fault(number, "hallCode", "no_place")
    if cells.get("windowNo") and not cells.get("hallCode"):
        yield Fault(number, "hallCode", "hall_needed")
    if cells.get("staffNo") and not cells.get("deptCode"):
        yield Fault(number, "deptCode", "dept_needed")
    if len(photos.names(cells.get("photos", ""))) > photos.MOST:
        yield Fault(number, "photos", "too_many_photos", str(photos.MOST))


def _unknown(line: Line, registry: Registry, at: datetime) -> Iterator[Fault]:
    """Find codes that the registry does not know on that day."""
    cell = line.cells.get
    hall, window, dept, staff, unit = (
        cell(name, "") for name in ("hallCode", "windowNo", "deptCode", "staffNo", "unitCode")
    )
    if hall and registry.valid("hall", hall, at) is None:
        yield Fault(line.number, "hallCode", "unknown_hall")
    elif hall and window and registry.valid("window", f"{hall}/{window}", at) is None:
        yield Fault(line.number, "windowNo", "unknown_window")
    if dept and registry.valid("org", dept, at) is None:
        yield Fault(line.number, "deptCode", "unknown_dept")
    elif dept and staff and registry.valid("staff", f"{dept}/{staff}", at) is None:
        yield Fault(line.number, "staffNo", "unknown_staff")
    if unit and registry.name("org", unit) is None:
        yield Fault(line.number, "unitCode", "unknown_unit")
