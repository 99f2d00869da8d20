"""What a schema cannot say, for schemathesis: a range of days is in order, and a position is one that the log has.

Nor does anybody wait for events that do not come.
"""

from typing import Any

import schemathesis

LONGEST_WAIT = 25
HEAD = 100  # what the test has posted before


@schemathesis.hook
def filter_query(_context: Any, query: dict[str, Any] | None) -> bool:
    """Leave out what only the other parameter or the log makes wrong."""
    given = {name: str(value) for name, value in (query or {}).items()}
    for since, until in (("from", "to"), ("openedFrom", "openedTo")):
        if given.get(since) and given.get(until) and given[since] > given[until]:
            return False
    as_of = given.get("asOf", "")
    return not as_of.isdecimal() or int(as_of) <= HEAD


@schemathesis.hook
def map_query(_context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Wait no time where some seconds were asked for."""
    wait = str((query or {}).get("wait", ""))
    return query | {"wait": "0"} if query and wait.isdecimal() and 0 < int(wait) <= LONGEST_WAIT else query
