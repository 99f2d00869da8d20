"""Problems (RFC 9457): what was wrong, all of it at once, in Chinese for people and by stable codes for machines."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

CONTENT_TYPE = "application/problem+json"


class Fault(NamedTuple):
    """One fault: `pointer` (RFC 6901) to the member, '' for the whole body; `code` is stable."""

    pointer: str
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """Return the wire form."""
        return self._asdict()


TITLES = {
    400: "请求无法读取",
    401: "需要有效的密钥或账号",
    403: "没有权限",
    404: "没有找到",
    405: "不支持的方法",
    409: "与已有记录冲突",
    413: "请求过大",
    415: "不支持的内容类型",
    422: "内容不符合要求",
    429: "请求过于频繁",
    500: "服务器内部错误",
    503: "暂时无法受理",
}


class Problem(Exception):
    """An answer that is not a success; raised anywhere below a route."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        faults: Iterable[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """Describe the problem; `members` are added to the body as they are."""
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.members = members

    def body(self) -> dict[str, Any]:
        """Return the wire form; a problem without faults of its own is its own single fault."""
        faults = self.faults or (Fault("", self.code, self.detail),)
        return {
            "type": f"urn:haocha:problem:{self.code}",
            "title": TITLES.get(self.status, "请求未能完成"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": [fault.as_json() for fault in faults],
            **self.members,
        }

    def encoded(self) -> bytes:
        """Return the body as JSON."""
        return msgspec.json.encode(self.body())


def invalid(faults: Iterable[Fault]) -> Problem:
    """Return the `422` that lists `faults`."""
    listed = tuple(faults)
    return Problem(422, "invalid", f"有 {len(listed)} 处不符合要求，请逐项修改后重新提交。", listed)


def not_found(what: str) -> Problem:
    """Return the `404` for `what` (Chinese)."""
    return Problem(404, "not_found", f"没有找到{what}。")


def unavailable() -> Problem:
    """Return the `503` of a full queue or an absent database: what became of it is unknown, sending again is safe."""
    return Problem(
        503, "unavailable", "系统暂时无法受理，请稍后原样重发；重复提交不会重复计数。", headers={"Retry-After": "1"}
    )
