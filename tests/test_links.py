"""The citizen's one-time link."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha import links

KEY = bytes(range(32))
TICKET = UUID("5f2d3c7e-16a1-5b0a-9d11-6a4f0c3f2b10")


@given(st.uuids(), st.integers(1, links.MOST_ATTEMPTS))
def test_a_token_names_its_ticket_and_attempt(ticket_id, attempt):
    """What `token` makes, `read` reads, and it fits into a URL and a text message."""
    token = links.token(KEY, ticket_id, attempt)
    assert re.fullmatch("[A-Za-z0-9_-]{40}", token)
    assert links.read(KEY, token) == (ticket_id, attempt)


def test_a_token_stays_what_it_is():
    """Links that are out keep their meaning over releases."""
    assert links.token(KEY, TICKET, 2) == "Xy08fhahWwqdEWpPDD8rEAACW0xgvynQoykSSJis"


@given(st.integers(0, links.LENGTH - 1), st.sampled_from("AZaz09-_"))
def test_a_changed_token_is_none(place, letter):
    """One other character anywhere, and it is no token."""
    token = links.token(KEY, TICKET, 1)
    changed = token[:place] + letter + token[place + 1 :]
    assert links.read(KEY, changed) == ((TICKET, 1) if changed == token else None)


@pytest.mark.parametrize("text", ["", "A" * 39, "A" * 40, "A" * 41, "=" * 40, "评" * 40, "+/" * 20])
def test_any_other_text_is_no_token(text):
    """Whatever people paste is refused without an error."""
    assert links.read(KEY, text) is None


def test_another_instance_made_another_token():
    """A token of another key is none."""
    assert links.read(KEY, links.token(bytes(32), TICKET, 1)) is None
