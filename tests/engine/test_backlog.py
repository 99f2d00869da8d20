"""Which rows go out next."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from haocha.engine.backlog import FRESH_EVERY, Backlog
from haocha.store.outbox import Row

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def row(position: int, lane: str = "") -> Row:
    """Return a row of a case of its own, or of `lane`."""
    return Row(position, "rating", f"rating|{position}|1", lane or str(position), UUID(int=position), 1, NOW, 0, NOW)


def positions(rows) -> list[int]:
    """Return what was taken."""
    return [one.position for one in rows]


def test_oldest_go_first_and_never_two_of_a_case():
    """The second row of a case is not taken in hand before the first is settled."""
    backlog = Backlog()
    assert backlog.add([row(1, "a"), row(2, "a"), row(3, "b")]) == 2
    taken = backlog.take(10)
    assert positions(taken) == [1, 3]
    assert backlog.add([row(2, "a")]) == 0
    backlog.settle(taken)
    backlog.add([row(2, "a")])
    assert positions(backlog.take(10)) == [2]


def test_row_that_was_settled_while_it_was_read_is_not_taken_again():
    """A page is a moment old when it comes; the next page shows whether the row waits again."""
    backlog = Backlog()
    backlog.add([row(1), row(2)])
    taken = backlog.take(1)
    backlog.look()
    backlog.settle(taken)
    assert backlog.add([row(1), row(2), row(3)]) == 1
    backlog.look()
    assert backlog.add([row(1)]) == 1


def test_fresh_rows_have_their_share_while_old_ones_wait():
    """Of every few calls one takes what has just come."""
    backlog = Backlog()
    backlog.add(row(position) for position in range(100))
    backlog.add((row(position) for position in range(1000, 1010)), fresh=True)
    calls = [backlog.take(1)[0].position for _ in range(4 * FRESH_EVERY)]
    assert len([position for position in calls if position >= 1000]) == 4
    assert [position for position in calls if position < 1000] == list(range(3 * FRESH_EVERY + 4 - 4))


def test_row_that_failed_comes_again_in_front_when_its_time_has_come():
    """Meanwhile its case waits with it, and the others go on."""
    backlog = Backlog()
    backlog.add([row(1, "a"), row(2, "b")])
    (first,) = backlog.take(1)
    backlog.later(first, NOW + timedelta(seconds=2))
    assert backlog.add([row(3, "a")]) == 0
    backlog.ripen(NOW + timedelta(seconds=1))
    assert positions(backlog.take(10)) == [2]
    backlog.add([row(4, "c")])
    backlog.ripen(NOW + timedelta(seconds=2))
    assert positions(backlog.take(10)) == [1, 4]


def test_rows_put_off_come_again_where_the_clock_was_set_back():
    """What was to wait for seconds by another clock would wait for a day by this one."""
    backlog = Backlog()
    backlog.add([row(1)])
    backlog.ripen(NOW + timedelta(days=1))
    backlog.later(backlog.take(1)[0], NOW + timedelta(days=1, seconds=2))
    backlog.ripen(NOW + timedelta(days=1, seconds=-1))
    assert positions(backlog.take(1)) == []
    backlog.ripen(NOW)
    assert positions(backlog.take(1)) == [1]


@given(
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from(("take", "settle", "later", "back", "ripen"))), max_size=60)
)
def test_every_row_is_in_hand_once(steps):
    """Whatever is done: what was read is either waiting, taken, or put off, and comes out exactly once."""
    backlog, taken, settled, at = Backlog(), [], [], NOW
    backlog.add(row(position) for position in range(1, 30))
    for number, step in steps:
        at += timedelta(seconds=1)
        match step:
            case "take":
                taken += backlog.take(number)
            case "settle" if taken:
                settled.append(one := taken.pop(0))
                backlog.settle([one])
            case "later" if taken:
                backlog.later(taken.pop(), at + timedelta(seconds=number))
            case "back" if taken:
                backlog.back([taken.pop()])
            case "ripen":
                backlog.ripen(at)
    backlog.ripen(at + timedelta(hours=1))
    rest = [one for call in iter(lambda: backlog.take(7), []) for one in call]
    assert sorted(positions([*settled, *taken, *rest])) == list(range(1, 30))
