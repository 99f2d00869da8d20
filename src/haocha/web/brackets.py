"""Splitting JSON by its brackets alone, for a batch of which a decoder cannot read every item.

Half a surrogate pair, bytes that are no UTF-8, a number that is none, ten thousand open brackets: such an item must not
take its neighbours with it. Nothing here recurses, and nothing looks into an item.
"""

import json
import re
from collections.abc import Iterator

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_MEMBER = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:(.*)', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}


def members(text: bytes) -> dict[str, bytes]:
    """Return the members of an object, their values unread; ValueError where the brackets do not fit."""
    found = {}
    for part in _inside(text, b"{"):
        match = _MEMBER.fullmatch(part)
        if match is None:
            raise ValueError("A member without a name or a value.")
        found[json.loads(match[1])] = match[2].strip()
    return found


def parts(text: bytes) -> list[bytes]:
    """Return the items of an array, unread; ValueError where the brackets do not fit."""
    return list(_inside(text, b"["))


def _inside(text: bytes, opening: bytes) -> Iterator[bytes]:
    """Go through what commas part between the outer brackets."""
    text = text.strip()
    if not text.startswith(opening):
        raise ValueError("Another kind of value.")
    expected: list[bytes] = []
    start = 1
    for token in _TOKEN.finditer(text):
        letter = token[0]
        if letter in _CLOSING:
            expected.append(_CLOSING[letter])
        elif letter in (b"]", b"}"):
            if not expected or expected.pop() != letter:
                raise ValueError("A bracket that closes another.")
            if not expected:
                last = text[start : token.start()].strip()
                if last or text[1:start].strip():
                    yield last
                if token.end() != len(text):
                    raise ValueError("Something behind the end.")
                return
        elif letter == b"," and len(expected) == 1:
            yield text[start : token.start()].strip()
            start = token.end()
    raise ValueError("A bracket that is not closed.")
