"""Policies as data: limits by difficulty, and which version holds for whom."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from haocha.domain.policy import DEFAULT, Policy, PolicyPublished, Rulebook, StageRule
from haocha.domain.workdays import SHANGHAI, CalendarPublished, Limit

NOW = datetime(2025, 6, 3, tzinfo=UTC)
STRICT = msgspec.structs.replace(DEFAULT, stages={"fix": StageRule(Limit(1), start="opened")})


def calendar(version):
    """Make a calendar without holidays."""
    return CalendarPublished(version=version, known_until=date(2026, 12, 31), holidays=(), make_up_days=(), at=NOW)


RULEBOOK = Rulebook(
    (
        (1, PolicyPublished(version="default-1", name="default", policy=DEFAULT, at=NOW)),
        (50, PolicyPublished(version="default-2", name="default", policy=STRICT, at=NOW)),
    ),
    ((2, calendar("CN-1")), (60, calendar("CN-2"))),
)


@pytest.mark.parametrize(("difficulty", "day"), [("simple", 10), ("general", 10), ("difficult", 24)])
def test_limit_depends_on_the_difficulty(difficulty, day):
    """A difficult ticket has longer; where the policy sets nothing else, the general limit holds."""
    deadline = RULEBOOK.at(2).due("fix", datetime(2025, 6, 3, 10, tzinfo=SHANGHAI), difficulty)
    assert deadline.at == datetime(2025, 6, day, 17, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("position", "versions"),
    [(0, ("default-1", "CN-1")), (49, ("default-1", "CN-1")), (50, ("default-2", "CN-1")), (61, ("default-2", "CN-2"))],
)
def test_what_holds_at_a_position_is_the_latest_before_it(position, versions):
    """A ticket is opened under what was published when its source event came."""
    terms = RULEBOOK.at(position)
    assert (terms.policy_version, terms.calendar.version) == versions


def test_ticket_keeps_the_versions_it_was_opened_under():
    """A later policy changes nothing for tickets that are open."""
    terms = RULEBOOK.of("default-1", "CN-2")
    assert (terms.policy, terms.calendar.version) == (DEFAULT, "CN-2")


def test_policy_is_data():
    """The default policy survives the way through JSON."""
    assert msgspec.json.decode(msgspec.json.encode(DEFAULT), type=Policy) == DEFAULT
