"""A rating after its first event: linked, flagged, excluded and reinstated, each once."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain.aggregate import CauseHeld
from haocha.domain.rating import AlreadyExcluded, Dimensions, NotExcluded, NothingNew, Rating, RatingSubmitted

ID = UUID(int=1)
AT = datetime(2026, 11, 21, tzinfo=UTC)
SENT = Dimensions(window="A01")
FOUND = Dimensions(window="H01/A01", hall="H01", area="370102000000")


def submitted(**changes):
    """Return a rating of a window that the registry did not know."""
    fact = {
        "project_no": "P1", "satisfaction": 1, "pf": "4", "assess_time": AT, "received_at": AT,
        "day": date(2026, 11, 20), "window": "A01", "linked": False, "client": "pads", "key_kind": "pad", "digest": "d",
    }  # fmt: skip
    return Rating.begin(ID, RatingSubmitted(**(fact | changes)))


def link(rating, new=FOUND, cause=7):
    """Link it."""
    rating.link(new, linked=True, registry_position=5, at=AT, cause=cause)


def test_begins_with_its_fact():
    """Version 1 is the fact itself."""
    rating = submitted()
    assert (rating.id, rating.version, rating.current, rating.linked) == (ID, 1, SENT, False)
    assert (rating.excluded, rating.findings) == (False, [])


def test_link_carries_old_and_new():
    """Folds never look back: −1 at the old, +1 at the new, with day, channel and level."""
    rating = submitted()
    link(rating)
    [event] = rating.collect_events()
    assert (event.old, event.new, event.linked, event.excluded) == (SENT, FOUND, True, False)
    assert (event.pf, event.day, event.satisfaction, event.originator_version) == ("4", date(2026, 11, 20), 1, 2)
    assert (rating.current, rating.linked) == (FOUND, True)


def test_link_says_whether_the_rating_is_excluded():
    """An excluded rating moves among the excluded."""
    rating = submitted()
    rating.exclude(by="u", reason="mistaken", at=AT)
    link(rating)
    assert rating.collect_events()[-1].excluded is True


def test_link_to_the_same_is_refused():
    """Nothing new, no event."""
    rating = submitted()
    link(rating)
    with pytest.raises(NothingNew):
        link(rating, cause=8)


def test_later_events_repeat_what_the_link_found():
    """Exclusion after linking counts where the rating now is."""
    rating = submitted()
    link(rating)
    rating.exclude(by="u", reason="malicious", at=AT)
    event = rating.collect_events()[-1]
    assert (event.window, event.hall, event.area, event.reason) == ("H01/A01", "H01", "370102000000", "malicious")


def test_excluded_twice_is_refused():
    """So nothing is taken out of a rate twice."""
    rating = submitted()
    rating.exclude(by="u", reason="mistaken", at=AT)
    with pytest.raises(AlreadyExcluded, match="excluded already"):
        rating.exclude(by="v", reason="mistaken", at=AT)
    rating.reinstate(by="u", reason="mistaken", at=AT)
    with pytest.raises(NotExcluded, match="not excluded"):
        rating.reinstate(by="u", reason="mistaken", at=AT)


def test_finding_excludes_nothing():
    """疑似异常 is for a person to decide."""
    rating = submitted()
    rating.flag("contested", {"contest": "x"}, at=AT, cause=9)
    assert (rating.findings, rating.excluded) == (["contested"], False)


def test_cause_acts_once():
    """A handler that runs again after a crash adds nothing."""
    rating = submitted()
    rating.flag("contested", {}, at=AT, cause=9)
    with pytest.raises(CauseHeld):
        rating.flag("contested", {}, at=AT, cause=9)
    rating.flag("contested", {}, at=AT, cause=10)


def test_people_have_no_cause():
    """What persons decide may happen any number of times."""
    rating = submitted()
    for _ in range(3):
        rating.exclude(by="u", reason="mistaken", at=AT)
        rating.reinstate(by="u", reason="mistaken", at=AT)
    assert rating.version == 7


COMMANDS = {
    "link": lambda rating, cause: link(rating, Dimensions(window=f"H/{cause}"), cause),
    "relink": lambda rating, cause: link(rating, FOUND, cause),
    "flag": lambda rating, cause: rating.flag("contested", {}, at=AT, cause=cause),
    "exclude": lambda rating, cause: rating.exclude(by="u", reason="mistaken", at=AT, cause=cause),
    "reinstate": lambda rating, cause: rating.reinstate(by="u", reason="mistaken", at=AT, cause=cause),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), st.integers(1, 6)), max_size=20))
def test_any_sequence_counts_a_rating_once(commands):
    """Whatever is asked, in whatever order: the differences leave the rating in one place, counted or not."""
    rating = submitted()
    for name, cause in commands:
        try:
            COMMANDS[name](rating, cause)
        except (AlreadyExcluded, NotExcluded, NothingNew, CauseHeld):
            continue
    history = rating.collect_events()
    place, excluded = SENT, False
    for event in history:
        match event:
            case Rating.Linked():
                assert (event.old, event.excluded) == (place, excluded)
                place = event.new
            case Rating.Excluded() | Rating.Reinstated():
                assert Dimensions(event.window, event.staff, event.matter, event.dept, event.hall, event.area) == place
                assert excluded is isinstance(event, Rating.Reinstated)
                excluded = not excluded
    assert (rating.current, rating.excluded) == (place, excluded)
    causes = [event.cause for event in history]
    assert len(causes) == len(set(causes))
    again = submitted()
    for event in history:
        again = event.mutate(again)
    assert (again.current, again.excluded, again.findings, again.version) == (
        rating.current, rating.excluded, rating.findings, rating.version,
    )  # fmt: skip
