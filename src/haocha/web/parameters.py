"""Query parameters of lists and scores: read one by one, all faults told at once, unknown ones refused by name."""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from haocha.domain.codes import CHANNELS
from haocha.domain.registry import area_prefix
from haocha.web.problems import Fault, invalid

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
AREA = re.compile(r"[0-9]{1,12}")
WHOLE = re.compile(r"[0-9]{1,18}")
CONTROL = re.compile("[\x00-\x1f\x7f]")
LONGEST_KEY = 101  # hallCode/windowNo, 50 each

_day = {"format": "date", "pattern": "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$"}
_key = {"pattern": "^[!-~]{1,50}$"}

# What the schema says of them; the rules themselves are below, so that all faults are told together and in Chinese.
From = Annotated[str | None, QueryParameter(name="from", schema_extra=_day, description="起始日期，含当日")]
To = Annotated[str | None, QueryParameter(name="to", schema_extra=_day, description="截止日期，含当日")]
AsOf = Annotated[
    str | None, QueryParameter(name="asOf", schema_extra=_day, description="截至何时已知：日期、时间或日志位置")
]
Area = Annotated[
    str | None, QueryParameter(name="area", schema_extra={"pattern": "^[0-9]{1,12}$"}, description="区划代码或其前几位")
]
Pf = Annotated[str | None, QueryParameter(name="pf", schema_extra={"enum": sorted(CHANNELS)}, description="评价渠道")]
Hall = Annotated[str | None, QueryParameter(name="hall", schema_extra=_key, description="大厅代码")]
Dept = Annotated[str | None, QueryParameter(name="dept", schema_extra=_key, description="部门代码")]
After = Annotated[
    str | None,
    QueryParameter(
        name="after", schema_extra={"pattern": "^[0-9]{1,4}$"}, description="最多等两秒，直到此日志位置已计入"
    ),
]
Limit = Annotated[
    str | None,
    QueryParameter(name="limit", schema_extra={"pattern": "^([1-9][0-9]{0,2}|1000)$"}, description="每页条数"),
]
# A cursor comes from the answer before: a client cannot make one up.
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", schema_extra={"maxLength": 0}, description="上一页的 nextCursor")
]


class Parameters:
    """The parameters of one request; `check` raises the `422` for all that was wrong with them."""

    def __init__(
        self, request: Request[Any, Any, Any], allowed: Iterable[str], *, repeatable: Iterable[str] = ()
    ) -> None:
        """Read them; those not `allowed`, or given twice though not `repeatable`, are faults."""
        known = set(allowed)
        self.faults: list[Fault] = []
        self._given: dict[str, str] = {}
        self._several: dict[str, list[str]] = {name: [] for name in repeatable}
        for name, value in request.query_params.multi_items():
            if name not in known:
                self._fault(name, "unknown", f"这里没有 {name} 这个参数。")
            elif name in self._several:
                self._several[name] += [value] if value else []
            elif name in self._given:
                self._fault(name, "repeated", f"参数 {name} 只能给一次。")
            elif value:
                self._given[name] = value

    def check(self) -> None:
        """Raise the `422` where there were faults."""
        if self.faults:
            raise invalid(self.faults)

    def _fault(self, name: str, code: str, message: str) -> None:
        self.faults.append(Fault(f"/{name}", code, message))

    def wrong(self, name: str, form: str) -> None:
        """Note that a parameter is not of its form."""
        self._fault(name, "form", f"{name} {form}。")

    def raw(self, name: str) -> str | None:
        """Return a parameter as it was given."""
        return self._given.get(name)

    def several(self, name: str) -> list[str]:
        """Return all that was given of a repeatable parameter."""
        return self._several[name]

    def text(self, name: str) -> str | None:
        """Return a code or key."""
        value = self._given.get(name)
        if value is not None and (len(value) > LONGEST_KEY or CONTROL.search(value)):
            self.wrong(name, f"应为不超过 {LONGEST_KEY} 个字符、不含控制字符的代码")
            return None
        return value

    def day(self, name: str) -> date | None:
        """Return a day, `yyyy-MM-dd`."""
        value = self._given.get(name)
        if value is None:
            return None
        try:
            if DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.wrong(name, "应为 yyyy-MM-dd 形式的日期")
        return None

    def days(self) -> tuple[date | None, date | None]:
        """Return `from` and `to`, both inclusive."""
        since, until = self.day("from"), self.day("to")
        if since and until and since > until:
            self._fault("to", "order", "to 不能早于 from。")
        return since, until

    def area(self) -> str | None:
        """Return the digits that the codes of an area and of all areas below it begin with."""
        value = self._given.get("area")
        if value is not None and not AREA.fullmatch(value):
            self.wrong("area", "应为 1 到 12 位数字的区划代码或其前几位")
            return None
        return area_prefix(value) if value else None

    def channel(self) -> str | None:
        """Return a channel (评价渠道)."""
        return self.choice("pf", CHANNELS)

    def choice(self, name: str, among: Iterable[str]) -> str | None:
        """Return one of a few words."""
        value = self._given.get(name)
        options = tuple(among)
        if value is not None and value not in options:
            self.wrong(name, f"应为 {'、'.join(options)} 之一")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.choice(name, ("true", "false"))
        return None if value is None else value == "true"

    def position(self, name: str) -> int | None:
        """Return a position of the log."""
        value = self._given.get(name)
        if value is not None and not WHOLE.fullmatch(value):
            self.wrong(name, "应为日志位置（不小于 0 的整数）")
            return None
        return None if value is None else int(value)

    def limit(self, usual: int, most: int) -> int:
        """Return how many items are wanted."""
        return self.whole("limit", 1, most, usual)

    def whole(self, name: str, least: int, most: int, usual: int = 0) -> int:
        """Return a number from `least` to `most`, `usual` where none was given."""
        value = self._given.get(name)
        if value is None:
            return usual
        if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
            self.wrong(name, f"应为 {least} 到 {most} 的整数")
            return usual
        return int(value)

    def cursor(self, form: type[msgspec.Struct]) -> Any:
        """Return what `cursor` holds; it only ever comes from an answer."""
        value = self._given.get("cursor")
        held = None if value is None else read_cursor(value, form)
        if value is not None and held is None:
            self.wrong("cursor", "应为上一页答复中的 nextCursor，原样送回")
        return held


def read_cursor(value: str, form: type[msgspec.Struct]) -> Any:
    """Return what a cursor holds, None where it is none."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), type=form)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None


def cursor(value: msgspec.Struct) -> str:
    """Return an opaque cursor that `Parameters.cursor` reads."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()
