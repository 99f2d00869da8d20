"""docs/events.md names every event with every member, and nothing else."""

import re
from pathlib import Path

import msgspec
import pytest

from haocha.store.events import EVENTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"
CODE = re.compile(r"`([A-Za-z]+)`")
TOPIC = re.compile(r"`([a-z_]+\.[a-z_]+:v\d+)`")
COLUMNS = {"originatorId", "originatorVersion"}


def catalogue():
    """Return the members that the document gives each topic."""
    rows = [line.strip("|").split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    shared: dict[str, set[str]] = {}
    members = {}
    for row in rows:
        cells = [cell.strip() for cell in row]
        if len(cells) == 3 and CODE.fullmatch(cells[1]):
            shared.setdefault(cells[0], set()).add(cells[1].strip("`"))
        for topic in TOPIC.findall(cells[0]):
            # Of `own members` a member is what begins an item; words that follow are its values.
            own = {name for item in cells[3].split(" · ") for name in CODE.findall(re.sub(r"(?<=` )[^`]+.*", "", item))}
            members[topic] = own.union(*(shared[name] for name in cells[2].split(", ")))
    return members


@pytest.mark.parametrize("topic", EVENTS)
def test_event_is_documented_with_every_member(topic):
    """What is stored for ever is written down."""
    fields = {field.encode_name for field in msgspec.structs.fields(EVENTS[topic])} - COLUMNS
    assert catalogue()[topic] == fields


def test_nothing_is_documented_that_is_not_there():
    """The document holds no event of the past or the future."""
    assert set(catalogue()) == set(EVENTS)
