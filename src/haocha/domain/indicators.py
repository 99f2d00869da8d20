"""The list of indicators (测评指标) as it is now: the national one, and what was published since.

A published list says something of the codes that it names and nothing of the others. A code that was ever known stays
readable; one that is no longer used (`usingStatus` false) is not offered, and what still names it is flagged.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import msgspec

from haocha.domain import codes
from haocha.domain.ids import uuid5

NATIONAL = "2020-08"
"""The version of the list that is in the package: in use since then."""


class Indicator(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One indicator: its code, its name, the level it belongs to, whether it is used, whether beyond the core three."""

    code: str
    name: str
    level: int
    used: bool = True
    extra: bool = False


class IndicatorsPublished(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A version of the list, from the platform above (`peer`) or published here (`by`)."""

    TOPIC: ClassVar[str] = "indicators.published:v1"

    peer: str = ""
    version: str
    items: tuple[Indicator, ...]
    at: datetime
    received_at: datetime
    by: str = ""
    digest: str


class Version(NamedTuple):
    """A version that was taken in: from whom, when it was published, and how many indicators it names."""

    version: str
    peer: str
    at: datetime | None
    indicators: int


class Indicators:
    """All indicators by code. `position` says up to where in the log it is true."""

    def __init__(self) -> None:
        """Begin with the national list."""
        self.position = 0
        self._known = {one.code: one for one in _national()}
        self._current = frozenset(one.code for one in self._known.values() if one.used)
        self.versions = [Version(NATIONAL, "", None, len(self._known))]

    def apply(self, event: IndicatorsPublished, position: int = 0) -> None:
        """Take in a version; what it says of a code counts from now on."""
        self._known |= {one.code: one for one in event.items}
        self._current = frozenset(one.code for one in self._known.values() if one.used)
        self.versions.append(Version(event.version, event.peer, event.at, len(event.items)))
        self.position = max(self.position, position)

    @property
    def current(self) -> frozenset[str]:
        """The codes in use."""
        return self._current

    def level(self, code: str) -> int | None:
        """Return the level that a code belongs to, None where nobody knows it."""
        known = self._known.get(code)
        return None if known is None else known.level

    def name(self, code: str, unknown: str | None = None) -> str:
        """Return what a code says; `unknown`, else the code itself, where nobody knows it."""
        known = self._known.get(code)
        if known is not None:
            return known.name
        return code if unknown is None else unknown

    def __iter__(self) -> Any:
        """Go through all indicators, the best level first, by code."""
        return iter(sorted(self._known.values(), key=lambda one: (-one.level, one.code)))


def _national() -> Iterable[Indicator]:
    for code, (level, name) in codes.INDICATORS.items():
        yield Indicator(code, name, level, code in codes.CURRENT_INDICATORS, code not in codes.CORE_INDICATORS)


def indicators_id(namespace: UUID, peer: str, version: str) -> UUID:
    """Name the stream of one version."""
    return uuid5(namespace, f"indicators|{peer}|{version}")


EVENTS: tuple[type, ...] = (IndicatorsPublished,)
