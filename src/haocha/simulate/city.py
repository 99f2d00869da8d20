"""The city: what its registry holds, as rows of the import table, and who sits where on a day."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from haocha.registry.files import Line, Table
from haocha.registry.rows import COLUMNS
from haocha.simulate.names import DEPARTMENTS, GIVEN, HALLS, SURNAMES

FOUNDED = "2024-01-01"
MOVES = 10  # staff who change windows within the first days that are simulated
CENTRE = "99YX0001"  # 市行政审批服务局, which runs the comprehensive windows


class Window(NamedTuple):
    """A window, the department it belongs to, and the device on its desk (`pad` or `keypad`)."""

    hall: str
    number: str
    name: str
    dept: str
    area: str
    device: str
    device_kind: str


class Staff(NamedTuple):
    """A member of staff: where they sit, and since when somewhere else. `trouble` 0 is usual, 1 very bad."""

    dept: str
    number: str
    name: str
    window: int
    moved: date | None
    moved_to: int
    trouble: float


class Matter(NamedTuple):
    """What can be applied for."""

    code: str
    name: str
    dept: str
    dept_name: str


class City(NamedTuple):
    """Everything that the registry knows; windows, staff and matters in a fixed order."""

    windows: list[Window]
    staff: list[Staff]
    matters: list[Matter]
    terminals: list[tuple[str, str, str]]  # deviceNo, hallCode, area

    def seats(self, day: date) -> dict[int, list[Staff]]:
        """Return who sits at each window on a day."""
        seats: dict[int, list[Staff]] = {}
        for person in self.staff:
            window = person.moved_to if person.moved and person.moved <= day else person.window
            seats.setdefault(window, []).append(person)
        return seats


VERSION = "20200801000100101"
"""What follows department and number in a matter's code of 31 digits."""


def build(seed: int, since: date) -> City:
    """Build the city; some staff move windows in the fortnight after `since`."""
    chance = random.Random(f"city {seed}")  # noqa: S311 (a simulation must be repeatable)
    windows = list(_windows())
    matters = [
        Matter(f"99010000{dept:03d}{number:03d}{VERSION}", name, _dept_code(dept), dept_name)
        for dept, (dept_name, names) in enumerate(DEPARTMENTS.items(), start=1)
        for number, name in enumerate(names.split(), start=1)
    ]
    names = [surname + given for surname in SURNAMES for given in GIVEN]
    chance.shuffle(names)
    staff: list[Staff] = []
    for index, window in enumerate(windows):
        for _ in range(chance.choices((1, 2), (0.1, 0.9))[0]):
            number = f"{len(staff) + 101:04d}"
            trouble = chance.uniform(*chance.choices(((0, 0.05), (0.4, 0.9)), (0.95, 0.05))[0])
            staff.append(Staff(window.dept, number, names[len(staff)], index, None, index, trouble))
    for index in chance.sample(range(len(staff)), MOVES):
        person = staff[index]
        others = [i for i, w in enumerate(windows) if w.hall == windows[person.window].hall and i != person.window]
        day = since + timedelta(days=chance.randrange(3, 17))
        staff[index] = person._replace(moved=day, moved_to=chance.choice(others))
    terminals = [
        (f"T{hall}{number}", hall, area)
        for hall, _, area, _, share in HALLS
        for number in range(1, 2 + round(share * 6))
    ]
    return City(windows, staff, matters, terminals)


def table(city: City) -> Table:
    """Return the city as the table that `haocha registry import` reads."""
    rows = [{"validFrom": FOUNDED} | row for row in _rows(city)]
    return Table(tuple(COLUMNS), [Line(number, row) for number, row in enumerate(rows, start=2)])


def _dept_code(number: int) -> str:
    return f"99YX{number:04d}"


def _windows() -> Iterator[Window]:
    """Go through all windows: the city's B windows belong to single departments, the others are comprehensive."""
    special = 1
    for hall, _, area, letters, _ in HALLS:
        for letter, count in letters:
            for position in range(1, count + 1):
                number = f"{letter}{position:02d}"
                dept = CENTRE
                name = f"{number} 综合窗口"
                if letter == "B":
                    special += 1
                    dept = _dept_code(special)
                    name = f"{number} {list(DEPARTMENTS)[special - 1].removeprefix('市')}窗口"
                kind = "keypad" if hall == "YX03" and position > 9 else "pad"  # noqa: PLR2004 (old devices at the end)
                yield Window(hall, number, name, dept, area, f"{'K' if kind == 'keypad' else 'P'}{hall}{number}", kind)


def _rows(city: City) -> Iterator[dict[str, str]]:
    top = {"kind": "org", "deptCode": "99YX0000", "name": "云岫市人民政府", "areaCode": "990100000000"}
    yield top
    for number, name in enumerate(DEPARTMENTS, start=1):
        yield top | {"deptCode": _dept_code(number), "name": name, "parentDeptCode": top["deptCode"]}
    for hall, name, area, _, _ in HALLS:
        yield {"kind": "hall", "hallCode": hall, "name": name, "areaCode": area}
    for window in city.windows:
        place = {"hallCode": window.hall, "windowNo": window.number}
        yield {"kind": "window", **place, "name": window.name, "deptCode": window.dept}
        yield {"kind": "device", "deviceNo": window.device, **place}
    for device, hall, _ in city.terminals:
        yield {"kind": "device", "deviceNo": device, "hallCode": hall, "name": "自助终端"}
    for matter in city.matters:
        yield {"kind": "matter", "taskCode": matter.code, "name": matter.name, "deptCode": matter.dept}
    for person in city.staff:
        row = {"kind": "staff", "deptCode": person.dept, "staffNo": person.number, "name": person.name}
        yield row | _seat(city, person.window)
        if person.moved:
            yield row | _seat(city, person.moved_to) | {"validFrom": str(person.moved)}


def _seat(city: City, window: int) -> dict[str, str]:
    return {"hallCode": city.windows[window].hall, "windowNo": city.windows[window].number}
