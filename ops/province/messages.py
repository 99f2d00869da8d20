"""Requests and answers of a simulated province: no more of HTTP than its platforms need."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
ERROR_PAGE = """<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>系统繁忙，请稍后再试</center></body></html>
""".encode()


class Request(NamedTuple):
    """One request: header names in small letters, the path without its query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """Return path and query, as signatures cover them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the query; of a doubled one the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def form(self) -> dict[str, str]:
        """Return the members of a URL-encoded body; of a doubled one the last."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Answer(NamedTuple):
    """One answer."""

    body: bytes
    status: int = 200
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(value: object, status: int = 200) -> Answer:
    """Return `value` as a JSON answer."""
    return Answer(msgspec.json.encode(value), status)
