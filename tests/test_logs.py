"""Log lines are JSON on stderr and carry no personal data."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from haocha import logs
logs.configure("INFO")
structlog.contextvars.bind_contextvars(request_id="r1")
structlog.get_logger("a").info("taken", position=7, mobile="13800000000", userName="王某")
logging.getLogger("b").warning("from %s", "the standard library")
structlog.get_logger("a").debug("not shown")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("a").exception("failed")
"""


def lines() -> list[dict]:
    """Run a small program with haocha's logging; return what it wrote to stderr."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_one_json_object_with_the_request():
    """Both structlog's and the standard library's lines have time, level, logger and request id."""
    taken, foreign, failed = lines()
    assert (taken["event"], taken["position"], taken["level"], taken["logger"]) == ("taken", 7, "info", "a")
    assert (foreign["event"], foreign["level"], foreign["logger"]) == ("from the standard library", "warning", "b")
    assert {line["request_id"] for line in (taken, foreign, failed)} == {"r1"}
    assert "ZeroDivisionError" in failed["exception"]


def test_personal_members_are_masked():
    """Whoever passes a name or a phone number to a logger: it is not written."""
    taken = lines()[0]
    assert (taken["mobile"], taken["userName"]) == ("***", "***")
