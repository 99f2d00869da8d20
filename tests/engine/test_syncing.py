"""What runs in the sync process goes on, whatever fails beside it or in it."""

import sys
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from haocha.engine import syncing

AT_ONCE = timedelta(0)


async def test_task_that_fails_begins_again_and_its_words_are_in_no_log():
    """A group of errors is told by the names of all of them: their words may be a platform's."""
    failures = [ExceptionGroup("", [KeyError("虚构甲"), ValueError("19900000000")]), TypeError("虚构乙")]

    async def run():
        if failures:
            raise failures.pop(0)

    with capture_logs() as said:
        await syncing.steadily("province: sender", run, AT_ONCE)
    assert [(line["errors"], line["failures"]) for line in said] == [
        (["KeyError", "ValueError"], 1),
        (["TypeError"], 2),
    ]
    assert "虚构" not in str(said)


async def test_process_that_ends_by_itself_is_told():
    """With its code; then it is started again, later and later."""
    with pytest.raises(syncing.Ended, match="3"):
        await syncing._attend((sys.executable, "-c", "raise SystemExit(3)"))
