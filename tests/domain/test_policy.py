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


def published(position, name, number=1, **members):
    """Make a version of a policy at a position."""
    return position, PolicyPublished(version=f"{name}-{number}", name=name, policy=STRICT, at=NOW, **members)


SCOPED = RULEBOOK._replace(
    policies=(
        *RULEBOOK.policies,
        published(70, "shandong", area="37"),
        published(71, "jinan", area="3701"),
        published(72, "tax", dept="tax"),
        published(73, "tax-jinan", dept="tax", area="3701"),
        published(80, "jinan", 2, area="3701", withdrawn=True),
        published(90, "twin", area="37"),
    )
)


@pytest.mark.parametrize(
    ("position", "area", "dept", "version"),
    [
        (75, "", "", "default-2"),
        (75, "330100000000", "water", "default-2"),
        (75, "370200000000", "water", "shandong-1"),  # the area's
        (75, "370102000000", "water", "jinan-1"),  # the longest prefix
        (70, "370102000000", "water", "shandong-1"),  # not published yet
        (75, "370200000000", "tax", "tax-1"),  # the department's before the area's
        (75, "330100000000", "tax", "tax-1"),
        (75, "370102000000", "tax", "tax-jinan-1"),  # the department's there
        (80, "370102000000", "water", "shandong-1"),  # withdrawn
        (90, "370200000000", "water", "twin-1"),  # of equals the one published later
    ],
)
def test_most_specific_policy_holds(position, area, dept, version):
    """The department's goes before the area's, the longer prefix before the shorter, the default comes last."""
    assert SCOPED.at(position, area, dept).policy_version == version


def test_withdrawn_version_still_holds_for_the_tickets_opened_under_it():
    """Withdrawing, like publishing, changes nothing for tickets that are open."""
    assert SCOPED.of("jinan-1", "CN-1").policy_version == "jinan-1"
    assert SCOPED.of("jinan-2", "CN-1").policy_version == "jinan-2"


def test_unknown_version_is_said():
    """No ticket can have been opened under what was never published."""
    with pytest.raises(KeyError, match="jinan-9"):
        SCOPED.of("jinan-9", "CN-1")


def test_terms_carry_the_seed_of_the_installation():
    """What draws samples needs one that nobody chose."""
    assert {SCOPED._replace(seed="s").at(75).seed, SCOPED._replace(seed="s").of("jinan-1", "CN-1").seed} == {"s"}


def test_ticket_keeps_the_versions_it_was_opened_under():
    """A later policy changes nothing for tickets that are open."""
    terms = RULEBOOK.of("default-1", "CN-2")
    assert (terms.policy, terms.calendar.version) == (DEFAULT, "CN-2")


def test_policy_is_data():
    """The default policy survives the way through JSON."""
    assert msgspec.json.decode(msgspec.json.encode(DEFAULT), type=Policy) == DEFAULT
