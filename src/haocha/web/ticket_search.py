"""What a search among tickets means: a number or case, or a window, staff, a matter or a unit by code or by name.

Names are in the registry alone, never on a ticket: a name is looked up here and the keys it may mean are searched for.
Nothing that a citizen wrote or is called is searched.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from haocha.domain.registry import Registry

MOST: Final = 200
"""Keys of each kind that one name may stand for."""
SHORTEST: Final = 3
"""Characters from which on a search is also the beginning of a matter's code."""


class Search(NamedTuple):
    """What is searched for: each is an alternative; `text` None searches for nothing."""

    text: str | None = None
    windows: list[str] | None = None
    staff: list[str] | None = None
    matters: list[str] | None = None
    prefix: str | None = None
    units: list[str] | None = None


def find(registry: Registry, said: str) -> Search:
    """Return the keys that `said` may mean."""
    if not said:
        return Search()
    return Search(
        text=said,
        windows=list(islice(_meant(registry, "window", said), MOST)),
        staff=list(islice(_meant(registry, "staff", said), MOST)),
        matters=list(islice(_meant(registry, "matter", said), MOST)),
        prefix=said if len(said) >= SHORTEST else None,
        units=list(islice(_meant(registry, "org", said), MOST)),
    )


def _meant(registry: Registry, kind: str, said: str) -> Iterator[str]:
    """Go through the keys that are `said`, end in it as a number, or whose entry is called so in part."""
    yield said
    number = f"/{said}"
    for key in registry.keys(kind):
        if key.endswith(number) or said in (registry.name(kind, key) or ""):
            yield key
