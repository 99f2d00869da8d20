"""The receipt (评价回执): a code short enough to read out, that only this installation can make.

Position in the log (at least 7 characters of Crockford base32), 60 bits of HMAC-SHA-256 over the rating's id
(12 characters), one check character (Luhn, modulo 32: any single wrong character and nearly every swap of neighbours),
in groups of four: `0000-0G3A-…`.
"""

from typing import NamedTuple
from uuid import UUID

from haocha.domain import keyed

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
POSITION_LETTERS = 7
TAG_LETTERS = 12
GROUP = 4


class Receipt(NamedTuple):
    """A code that was typed without a slip; `tag` tells whether it was ever given."""

    position: int
    tag: str


_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_SUMS = {
    ALPHABET[first] + ALPHABET[second]: first + second * 2 // 32 + second * 2 % 32
    for first in range(32)
    for second in range(32)
}


def _letters(number: int, count: int) -> str:
    letters = ""
    while number or len(letters) < count:
        letters = _PAIRS[number & 1023] + letters
        number >>= 10
    return letters[1:] if len(letters) > count and letters[0] == "0" else letters


def _check(body: str) -> str:
    """Return the check character: from the right every other value doubled, digits of base 32 summed."""
    even = body if len(body) % 2 == 0 else "0" + body
    return ALPHABET[-sum(_SUMS[even[at : at + 2]] for at in range(0, len(even), 2)) % 32]


def tag(key: bytes, rating_id: UUID) -> str:
    """Return the 60 bits that prove a receipt."""
    bits = int.from_bytes(keyed.digest(key, rating_id.bytes)[:8]) >> 4
    return _letters(bits, TAG_LETTERS)


def issue(key: bytes, rating_id: UUID, position: int) -> str:
    """Return the receipt of the rating recorded at `position`."""
    body = _letters(position, POSITION_LETTERS) + tag(key, rating_id)
    code = body + _check(body)
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def read(code: str) -> Receipt | None:
    """Read a typed receipt, however it is spaced or cased; None where the check character does not fit."""
    letters = "".join(letter for letter in code.upper() if letter not in " -\t")
    if not POSITION_LETTERS + TAG_LETTERS < len(letters) <= 32 or any(letter not in _VALUES for letter in letters):  # noqa: PLR2004
        return None
    body = "".join(ALPHABET[_VALUES[letter]] for letter in letters[:-1])
    if _check(body) != ALPHABET[_VALUES[letters[-1]]]:
        return None
    position = 0
    for letter in body[:-TAG_LETTERS]:
        position = position * 32 + _VALUES[letter]
    return Receipt(position, body[-TAG_LETTERS:])
