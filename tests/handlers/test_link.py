"""Ratings that came before the registry knew their codes are linked when it does."""

from datetime import UTC, datetime

import asyncpg
import pytest

from haocha.domain.rating import Dimensions
from haocha.engine.reactor import Reactor
from haocha.handlers import handlers
from haocha.store import log


async def through(world, handler):
    """Let the handler deal with all there is."""
    reactor = Reactor(world.pool, [handler])
    while await reactor.step(handler):
        pass


async def links(world):
    """Return how many links the log holds, and in how many commits they came."""
    return tuple(
        await world.pool.fetchrow(
            "SELECT count(*), count(DISTINCT recorded_at) FROM log.events WHERE topic = 'rating.linked:v1'"
        )
    )


async def test_entry_links_the_ratings_that_named_it(world):
    """Window, hall and area are filled in when the window appears; others stay as they are."""
    stream = await world.rate("case", 5, window="H1/A01", hall="H1", linked=False)
    other = await world.rate("other", 5, window="H1/A02", hall="H1", linked=False)
    await world.register("hall", "H1", area_code="370102000000")
    await world.register("window", "H1/A01", hall="H1")
    await world.react()
    rating = await world.rating(stream)
    assert (rating.current, rating.linked) == (Dimensions("H1/A01", hall="H1", area="370102000000"), True)
    assert not (await world.rating(other)).linked


async def test_rating_of_a_member_is_the_members_to_link(world):
    """Our registry moves nothing that an instance below us decides about: figures there and here stay equal."""
    stream = await world.rate("case", 5, window="H1/A01", linked=False, client="city", key_kind="member")
    await world.register("hall", "H1", area_code="370102000000")
    await world.register("window", "H1/A01", hall="H1")
    await world.react()
    assert await links(world) == (0, 0)
    assert (await world.rating(stream)).current == Dimensions("H1/A01")


async def test_device_that_told_its_error_is_linked_as_of_the_true_time(world):
    """A clock that fell back to 1970 does not keep a rating unlinked when the window appears."""
    came = datetime(2026, 11, 20, 9, tzinfo=UTC)
    back = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    stream = await world.rate(
        "case", 5, window="H1/A01", linked=False, assess_time=back, sent_at=back, received_at=came, day=came.date()
    )
    await world.register("hall", "H1")
    await world.register("window", "H1/A01", hall="H1")
    await world.react()
    assert (await world.rating(stream)).linked


@pytest.mark.parametrize(
    ("entry", "members", "expected"),
    [
        (("window", "H1/A01"), {"window": "A01"}, Dimensions("H1/A01", hall="H1", area="3701")),
        (("staff", "D1/0012"), {"staff": "0012", "dept": ""}, Dimensions("", "D1/0012", dept="D1")),
        (("matter", "T1"), {"matter": "T1"}, Dimensions(matter="T1")),
        (
            ("matter", "T1/I1"),
            {"matter": "T1", "said": {"taskHandleItem": "I1"}},
            Dimensions(matter="T1/I1"),
        ),
        (("org", "D1"), {"dept": "D1"}, Dimensions(dept="D1")),
    ],
)
async def test_every_kind_of_entry_links(world, entry, members, expected):
    """A code kept as sent, with its parent or bare, finds its entry."""
    await world.register("hall", "H1", area_code="3701")
    stream = await world.rate("case", 5, linked=False, **members)
    await world.register(*entry)
    await world.react()
    rating = await world.rating(stream)
    assert (rating.current, rating.linked) == (expected, True)


async def test_key_bound_window_is_linked_though_nobody_said_it(world):
    """What came from the key's hall and window is told by the dimensions themselves."""
    said = {"windowNo": "", "hallCode": ""}
    stream = await world.rate("case", 5, window="H1/A01", hall="H1", said=said, linked=False, staff="0012")
    await world.register("hall", "H1")
    await world.register("window", "H1/A01", dept="D1")
    await world.register("staff", "D1/0012")
    await world.react()
    assert (await world.rating(stream)).current == Dimensions("H1/A01", "D1/0012", dept="D1", hall="H1")


async def test_rating_taken_by_a_process_that_had_not_heard_is_linked(world):
    """The entry stands in the log before the rating, which came in unlinked all the same."""
    await world.register("window", "H1/A01")
    await world.register("hall", "H1")
    await world.react()
    stream = await world.rate("case", 5, window="H1/A01", hall="H1", linked=False)
    await world.react()
    assert (await world.rating(stream)).linked


async def test_partly_known_rating_moves_once(world):
    """A link that leaves another code unknown is not repeated by entries that add nothing."""
    stream = await world.rate("case", 5, window="A01", staff="0099", linked=False)
    await world.register("window", "H1/A01")
    await world.react()
    await world.register("staff", "D9/0098")
    await world.register("window", "H1/A02")
    await world.react()
    rating = await world.rating(stream)
    assert (rating.current.window, rating.linked, rating.version) == ("H1/A01", False, 2)


async def test_many_ratings_are_linked_in_slices_and_a_crash_loses_none(world, monkeypatch):
    """2,500 ratings take three transactions; one that dies on the way is taken up where it stopped."""
    for start in range(0, 2_500, 500):
        await world.append(*world.ratings(start, 500, window="H1/A01", hall="H1", linked=False))
    await world.register("hall", "H1")
    await world.register("window", "H1/A01")
    await world.fold()
    real_append, calls = log.append, []

    async def dying_append(connection, groups):
        calls.append(len(groups))
        if len(calls) == 2:
            verdicts = await real_append(connection, groups)
            await connection.close()
            return verdicts
        return await real_append(connection, groups)

    (handler,) = (one for one in handlers(world.install) if one.name == "link")
    monkeypatch.setattr(log, "append", dying_append)
    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
        await through(world, handler)
    assert await links(world) == (1_000, 1)
    (successor,) = (one for one in handlers(world.install) if one.name == "link")
    await through(world, successor)
    assert await links(world) == (2_500, 3)
    assert calls == [1_000, 1_000, 1_000, 500]
    await world.fold()
    assert await world.pool.fetchval("SELECT count(*) FROM live.ledger WHERE NOT linked") == 0
