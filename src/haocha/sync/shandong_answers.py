"""What a Shandong-type platform answers: yes, no in three ways, or nothing that can be relied on.

The newer form says success in two places, and only both together mean it: deployed clients that read the first alone
hold as reported what was refused. A module of its own because these few rules decide what counts as delivered.
"""

import re
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx
import msgspec

from haocha.sync.dialect import Outcome, Unavailable, Verdict

NOT_THE_ITEMS = re.compile(
    "签名|验签|(?<![a-z])sign(?![a-z])|appMark|appWord|授权|租户|解密|时间戳|系统异常|系统繁忙|服务异常|稍后",
    re.IGNORECASE,
)
"""Words about the envelope or the platform itself: no record is to blame, and none is dead for it."""
WORDS: tuple[tuple[Verdict, "re.Pattern[str]"], ...] = (
    ("noService", re.compile("没有对应的")),
    ("duplicate", re.compile("请勿重复|已存在|不可重复")),
)
"""The first that fits counts; what fits nowhere is refused for what it says."""


class Said(NamedTuple):
    """What an answer says of a call, or of one record; `listed` are cipher texts about single records."""

    taken: bool
    code: str
    words: str
    receipt: str = ""
    listed: tuple[str, ...] = ()


def read(answer: httpx.Response) -> Said:
    """Read an answer in any of its forms; raises `Unavailable` where it is none.

    A success without its second half is none: what was taken in spite of it is a duplicate the next time.
    """
    if answer.status_code != HTTPStatus.OK:
        raise Unavailable(f"HTTP {answer.status_code}")
    try:
        told = msgspec.json.decode(answer.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unavailable("the answer is not JSON") from None
    match told:
        case {"C-Response-Desc": desc, "C-Response-Body": {"success": success} as inner}:
            words, listed = _text(inner.get("message")), _all(inner.get("serviceList"))
            if desc != "success":
                words = "；".join(dict.fromkeys(filter(None, (_text(desc), words))))
                return Said(taken=False, code="", words=words, listed=listed)
            return Said(_true(success), "", words, _text(inner.get("id")), listed)
        case {"C-Response-Desc": str(desc)} if desc not in {"success", ""}:
            return Said(taken=False, code="", words=desc)
        case {"success": _}:
            return plain(told)
        case _:
            raise Unavailable("the answer says neither yes nor no")


def plain(told: dict[str, Any]) -> Said:
    """Read the older form, `{"code", "success"}`, which an entry of serviceList has too."""
    code = _text(told.get("code"))
    words = _text(told.get("message") or told.get("msg"))
    return Said(_true(told["success"]) and code in {"", "0"}, code, words, _text(told.get("id")))


def outcome(said: Said) -> Outcome:
    """Classify what is said of one record; raises `Unavailable` where no record is to blame."""
    if said.taken:
        return Outcome("accepted", said.code, said.words, said.receipt)
    for verdict, pattern in WORDS:
        if pattern.search(said.words):
            return Outcome(verdict, said.code, said.words, said.receipt)
    if NOT_THE_ITEMS.search(said.words):
        raise Unavailable(said.words)
    return Outcome("invalid", said.code, said.words)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _all(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list) else ()


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
