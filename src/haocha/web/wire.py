"""What clients send: the wire forms, and every fault of a body at once.

A body is decoded strictly in one go; only when that fails is it looked at member by member to name all that is wrong.
Member names are the national interface's own (design §10).
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from haocha.domain.workdays import SHANGHAI
from haocha.web import brackets
from haocha.web.forms import NO_EXT, Form
from haocha.web.problems import Fault, Problem

LOCAL = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
EARLIEST, LATEST = 1, 9999  # years
CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")
LONGEST_PROJECT_NO = 50
EXT_BYTES = 4096
EXT_DEPTH = 8

FORMS = {
    "satisfaction": "应为 1 到 5 的整数（5 非常满意 … 1 非常不满意）",
    "pf": '应为字符串 "1" 到 "7"',
    "areaCode": "应为 12 位数字",
    "serviceNumber": "应为 1 到 999 的整数",
    "assessNumber": "应为整数 1（首次）或 2（追评）",
    "isAnonymity": '应为字符串 "1"（匿名）或 "2"（不匿名）',
    "deviceSeq": "应为不小于 0 的整数",
    "evalDetail": "应为指标代码的数组，或用英文逗号分隔的代码，每个不超过 50 个字符",
    "writingEvaluation": "应为不超过 500 个字符的文字",
    "projectNo": "应为不超过 50 个字符的办件编号",
    "kind": "应为 box（意见箱）、hotline（热线）、desk（“办不成事”窗口）、comment（综合点评）或 other（其他）",
    "text": "应为不超过 2000 个字符的文字",
    "taskName": "应为不超过 200 个字符的文字",
    "deptName": "应为不超过 200 个字符的文字",
    "userName": "应为不超过 200 个字符的文字",
    "id": "应为不超过 100 个字符的编号",
    "ticket": "应为不超过 100 个字符的编号（对方工单的 id）",
    "verdict": "应为 satisfied（满意）、unsatisfied（不满意）、excluded（不予采纳）或 upheld（维持评价）",
    "level": "应为 remind（提醒）、yellow（黄牌）、red（红牌督办）、circular（通报）或 talk（约谈）",
    "reason": "应为不超过 2000 个字符的文字",
    "note": "应为不超过 2000 个字符的文字",
    "items": "应为 1 到 1000 项的数组",
    "normName": "应为不超过 200 个字符的文字",
    "starLevel": "应为 1 到 5 的整数（5 非常满意 … 1 非常不满意）",
    "usingStatus": "应为 true 或 false",
    "expandNorm": "应为 true 或 false",
    "taskCode": "应为文字",
    "taskHandleItem": "应为文字",
    "ext": "应为不超过 4 kB、不深于 8 层的 JSON",
}
TIMES = frozenset(
    {"assessTime", "serviceTime", "acceptDate", "resultDate", "occurredTime", "sentAt", "issuedAt", "dueAt", "at"}
)
TIME_FORM = "应为带时区的 RFC 3339 时间，或 yyyy-MM-dd HH:mm:ss（北京时间）"


class Clocks(NamedTuple):
    """When a record was received, and what the device's clock said at sending, where it said so."""

    received: datetime
    sent: datetime | None


In = TypeVar("In", bound=Form)


@cache
def _decoder(struct: type[In]) -> msgspec.json.Decoder[In]:
    return msgspec.json.Decoder(struct)


@cache
def _fields(struct: type) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


class _Ext(msgspec.Struct):
    """What is not looked into."""

    ext: msgspec.Raw | msgspec.UnsetType = NO_EXT


class Malformed(Exception):
    """The body is not JSON."""


def decode(body: bytes | msgspec.Raw, struct: type[In]) -> tuple[In | None, list[Fault]]:
    """Decode one record, with every fault its form has; a faulty member is None in it. Raises `Malformed`.

    The record is None where the body is no object at all.
    """
    try:
        record = _decoder(struct).decode(body)
    except msgspec.ValidationError:
        picked, faults = _picked(_json(body), struct)
        if picked is None or faults:
            return picked, faults
        record = picked
        record.ext = msgspec.json.decode(body, type=_Ext).ext
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed from error
    faults = list(_text_faults(record)) if b"\\" in bytes(body) or record.ext is not NO_EXT else []
    return record, faults


def _picked(value: Any, struct: type[In]) -> tuple[In | None, list[Fault]]:
    """Look at each member by itself, and keep those that are of their form."""
    if not isinstance(value, dict):
        return None, [Fault("", "type", "应为一个 JSON 对象。")]
    fields = _fields(struct)
    value = {name: _whole(member) for name, member in value.items()}
    faults = list(_faults(value, fields))
    wrong = {found.pointer.split("/")[1] for found in faults}
    members = {
        field.name: value[name]
        for name, field in fields.items()
        if name in value and name not in wrong and name != "ext"
    }
    required = {field.name: None for field in fields.values() if field.required}
    return struct(**(required | members)), faults


def _whole(member: Any) -> Any:
    """Return 2 for 2.0: to JSON they are the same number."""
    return int(member) if isinstance(member, float) and member.is_integer() else member


def _json(body: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:  # a number beyond any range
        return _loads(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed from error


def _loads(body: bytes | msgspec.Raw) -> Any:
    """Decode as Python does: a number of any size up to 4,300 digits."""
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise Malformed from error


def pointer(*members: str | int) -> str:
    """Return the RFC 6901 pointer to a member."""
    return "".join("/" + str(member).replace("~", "~0").replace("/", "~1") for member in members)


def fault(member: str, code: str) -> Fault:
    """Return the fault of a member that is not of its form."""
    form = TIME_FORM if member in TIMES else FORMS.get(member, "应为不超过 50 个字符的字符串")
    return Fault(pointer(member), code, f"{member} {form}。")


def missing(member: str) -> Fault:
    """Return the fault of a required member that is not there."""
    return Fault(pointer(member), "missing", f"缺少必填项 {member}。")


def _faults(value: dict[str, Any], fields: dict[str, msgspec.structs.FieldInfo]) -> Iterator[Fault]:
    for name, field in fields.items():
        if field.required and value.get(name) in (None, ""):
            yield missing(name)
    for name, member in value.items():
        known = fields.get(name)
        if known is None:
            yield Fault(pointer(name), "unknown_field", f"不认识的字段 {name}；请改正名称，其他内容请放入 ext。")
        elif member is None or (known.required and member == ""):
            continue
        elif name == "ext":
            yield from _ext_faults(member)
        else:
            yield from _member_faults(name, member, known.type)


def _member_faults(name: str, member: Any, form: Any) -> Iterator[Fault]:
    try:
        msgspec.convert(member, form)
    except msgspec.ValidationError as error:
        yield fault(name, _code(str(error)))
    else:
        texts = member if isinstance(member, list) else [member]
        if any(isinstance(text, str) and _controlled(text) for text in texts):
            yield _control_fault(name)


def _code(said: str) -> str:
    if "of length <=" in said:
        return "too_long"
    if "`int` >=" in said or "`int` <=" in said or "out of range" in said:
        return "range"
    if "matching regex" in said or "Invalid enum" in said or "of length >=" in said:
        return "form"
    return "type"


def _controlled(text: str) -> bool:
    return CONTROL.search(text) is not None


def _control_fault(name: str) -> Fault:
    return Fault(pointer(name), "control_character", f"{name} 含有控制字符，请去掉后重新提交。")


def _text_faults(record: Form) -> Iterator[Fault]:
    """Find control characters, which only an escape can bring in, and an `ext` too large or too deep."""
    for name, field in _fields(type(record)).items():
        member = getattr(record, field.name)
        if name == "ext":
            if member is not NO_EXT:
                yield from _ext_faults(_json(member), len(bytes(member)))
            continue
        texts = member if isinstance(member, list) else [member]
        if any(isinstance(text, str) and _controlled(text) for text in texts):
            yield _control_fault(name)


def _ext_faults(ext: Any, size: int | None = None) -> Iterator[Fault]:
    try:
        length = len(msgspec.json.encode(ext)) if size is None else size
        depth = _depth(ext)
    except (RecursionError, ValueError, OverflowError):
        yield fault("ext", "form")
        return
    if length > EXT_BYTES:
        yield fault("ext", "too_long")
    if depth > EXT_DEPTH:
        yield fault("ext", "too_deep")
    elif any(map(_controlled, _strings(ext))):
        yield _control_fault("ext")


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def ext(record: Form) -> str:
    """Return `ext` as it was written, '' where there is none."""
    return "" if record.ext is NO_EXT or bytes(record.ext) == b"null" else bytes(record.ext).decode()


def moment(text: str) -> datetime | None:
    """Read a time: RFC 3339, or `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai; None where it is neither."""
    try:
        if LOCAL.fullmatch(text):
            read = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
        elif TIME.fullmatch(text):
            read = datetime.fromisoformat(text.upper())
        else:
            return None
        if not EARLIEST < read.year < LATEST:  # at the edge of the calendar nothing can be reckoned with
            return None
    except ValueError:
        return None
    return read


def project_no(text: str | None) -> str:
    """Return a case number as it is compared: NFKC, trimmed."""
    return unicodedata.normalize("NFKC", text).strip() if text else ""


def times(record: Form, *members: str) -> tuple[list[datetime | None], list[Fault]]:
    """Read the time members (wire names) of `record`; an empty one is None."""
    read: list[datetime | None] = []
    faults = []
    fields = _fields(type(record))
    for name in members:
        text = getattr(record, fields[name].name)
        value = moment(text) if text else None
        if text and value is None:
            faults.append(fault(name, "form"))
        read.append(value)
    return read, faults


def items(body: bytes, member: str) -> tuple[list[msgspec.Raw | bytes], str | None]:
    """Split a batch body `{member: […], "sentAt": …}` into its items, unread, and `sentAt`; raises `Problem`."""
    try:
        parts: dict[str, Any] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        split: list[msgspec.Raw | bytes] = (
            list(msgspec.json.decode(parts[member], type=list[msgspec.Raw])) if member in parts else []
        )
        sent_at = msgspec.json.decode(parts["sentAt"]) if "sentAt" in parts else None
    except msgspec.ValidationError:
        raise Problem(
            422,
            "invalid",
            f'应为 {{"{member}": [ … ], "sentAt": … }}。',
            [Fault(pointer(member), "type", f"{member} 应为数组。")],
        ) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        parts, split, sent_at = _by_brackets(body, member)
    faults = [
        Fault(pointer(name), "unknown_field", f"不认识的字段 {name}。")
        for name in parts
        if name not in (member, "sentAt")
    ]
    if member not in parts:
        faults.append(missing(member))
    if sent_at is not None and not isinstance(sent_at, str):
        faults.append(fault("sentAt", "type"))
    if faults:
        raise Problem(422, "invalid", f"有 {len(faults)} 处不符合要求。", faults)
    return split, sent_at


def _by_brackets(body: bytes, member: str) -> tuple[dict[str, Any], list[msgspec.Raw | bytes], Any]:
    """Split a batch in which one item cannot be read, so that it stands alone."""
    try:
        parts = brackets.members(body)
        split: list[msgspec.Raw | bytes] = list(brackets.parts(parts[member])) if member in parts else []
        sent_at = json.loads(parts["sentAt"]) if "sentAt" in parts else None
    except (ValueError, RecursionError):
        raise malformed() from None
    return dict(parts), split, sent_at


def malformed() -> Problem:
    """Return the `400` of a body that is not JSON."""
    return Problem(400, "malformed", "请求体不是可读取的 JSON（UTF-8）。")
