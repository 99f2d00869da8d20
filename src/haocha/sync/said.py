"""What a platform says, as it is kept: cut, in one line, and without what identifies somebody.

Its words come from outside and repeat what they refuse. They stand in the outbox, on pages and in logs.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

LONGEST_WORDS: Final = 300
LONGEST_READ: Final = 10 * LONGEST_WORDS
LONGEST_CODE: Final = 100
LONGEST_RECEIPT: Final = 200
SHORTEST_NAME: Final = 2
IDENTITY: Final = ("userName", "certKey", "mobile", "certkeyGOV", "creditNum", "handleUserName", "handleUserPageCode")
NUMBERS: Final = re.compile(r"\d{5,}[\dXx]")
UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""What the database has no place for, or no page."""


def scrub(words: str, values: Mapping[str, Any]) -> str:
    """Cover in a platform's words what may identify somebody: an answer likes to repeat what it refuses."""
    words = kept(words, LONGEST_READ)
    for member in IDENTITY:
        value = values.get(member)
        if value and len(value) >= SHORTEST_NAME:
            words = words.replace(value, "***")
    return NUMBERS.sub("***", words)[:LONGEST_WORDS]


def kept(text: str, longest: int) -> str:
    """Cut what a platform says to what is kept of it, in one line."""
    return UNWRITABLE.sub(" ", text[:longest])
