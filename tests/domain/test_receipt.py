"""Receipts: short, made only here, and a slip of the pen is always caught."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain import receipt

KEY = bytes(range(32))
codes = st.builds(receipt.issue, st.just(KEY), st.uuids(), st.integers(1, 10**9))


def test_form():
    """Groups of four: 7 characters of position, 12 of proof, one check character."""
    code = receipt.issue(KEY, UUID(int=7), 1)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4, 4]
    assert code.startswith("0000-001")
    assert set(code) <= set(receipt.ALPHABET) | {"-"}


@given(st.uuids(), st.integers(1, 2**62))
def test_reads_what_was_issued(rating_id, position):
    """Any position, far beyond seven characters too."""
    read = receipt.read(receipt.issue(KEY, rating_id, position))
    assert read == receipt.Receipt(position, receipt.tag(KEY, rating_id))


@given(codes, st.data())
def test_any_single_wrong_character_is_caught(code, data):
    """Misread, mistyped: one character can never turn a receipt into another one."""
    letters = code.replace("-", "")
    at = data.draw(st.integers(0, len(letters) - 1))
    wrong = data.draw(st.sampled_from([letter for letter in receipt.ALPHABET if letter != letters[at]]))
    assert receipt.read(letters[:at] + wrong + letters[at + 1 :]) is None


@given(codes, st.data())
def test_nearly_every_swap_of_neighbours_is_caught(code, data):
    """Only 0 beside Z passes the check character, and then the proof does not fit."""
    letters = code.replace("-", "")
    at = data.draw(st.integers(0, len(letters) - 2))
    pair = letters[at : at + 2]
    swapped = letters[:at] + pair[::-1] + letters[at + 2 :]
    read = receipt.read(swapped)
    assert read is None or pair[0] == pair[1] or set(pair) == {"0", "Z"}


@given(codes)
def test_reads_what_people_write(code):
    """Small letters, spaces, no hyphens; O for 0, I and L for 1."""
    expected = receipt.read(code)
    assert receipt.read(code.lower().replace("-", " ")) == expected
    assert receipt.read(code.replace("-", "")) == expected
    assert receipt.read(code.replace("0", "O").replace("1", "l")) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "-", "0000-0000-0000-000", "U" * 20, "你好", "0" * 33, "0" * 10_000, "\x00" * 20]
)
def test_anything_else_is_no_receipt(text):
    """Whatever is typed, the answer is no, not an error."""
    assert receipt.read(text) is None


@given(st.text())
def test_no_text_is_an_error(text):
    """`ſ` and `ß` change under `upper()`."""
    receipt.read(text)


def test_proof_needs_the_key():
    """Another installation's receipts do not fit."""
    assert receipt.tag(KEY, UUID(int=7)) != receipt.tag(bytes(32), UUID(int=7))
