"""How fast a peer is called, and when it is left alone."""

from datetime import UTC, datetime, timedelta

from haocha.engine.pace import LONGEST_PAUSE, TOLERATED, Breaker, Bucket, pause

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_bucket_lets_a_second_pass_at_once_and_then_its_rate():
    """What goes beyond one second's worth waits for it to flow in."""
    time = [0.0]
    bucket = Bucket(10, lambda: time[0])
    assert bucket.wait(10) == 0
    assert bucket.wait(5) == 0.5
    time[0] = 1.0
    assert bucket.wait(5) == 0
    time[0] = 60.0
    assert bucket.wait(10) == 0
    assert bucket.wait(1) == 0.1


def test_pauses_double_up_to_the_longest_and_are_spread():
    """Those that failed together do not come again together."""
    assert pause(1, 0) == timedelta(seconds=1)
    assert pause(1, 0.999) > timedelta(seconds=1.9)
    assert pause(2, 0) == timedelta(seconds=2)
    assert pause(1000, 0) == LONGEST_PAUSE / 2


def test_breaker_opens_after_several_failures_and_lets_one_try():
    """While open nothing is sent; after the pause one call decides for all."""
    breaker = Breaker(timedelta(seconds=20))
    for _ in range(TOLERATED - 1):
        breaker.failed("ConnectError", NOW, 0)
    assert breaker.may_call(NOW)
    breaker.failed("ConnectError", NOW, 0)
    assert not breaker.may_call(NOW)
    assert breaker.may_call(NOW + timedelta(seconds=1))
    assert not breaker.may_call(NOW + timedelta(seconds=1))
    breaker.failed("ConnectError", NOW + timedelta(seconds=2), 0)
    assert not breaker.may_call(NOW + timedelta(seconds=3.9))
    assert breaker.may_call(NOW + timedelta(seconds=4))
    breaker.answered()
    assert breaker.may_call(NOW)
    assert (breaker.failures, breaker.error) == (0, "")


def test_breaker_that_opened_under_a_clock_set_back_since_lets_one_try():
    """A clock that was a day ahead keeps nobody waiting for a day."""
    breaker = Breaker(timedelta(seconds=20))
    for _ in range(TOLERATED):
        breaker.failed("ConnectError", NOW + timedelta(days=1), 0)
    assert breaker.may_call(NOW)
    assert not breaker.may_call(NOW)
