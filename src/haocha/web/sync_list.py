"""What lists of reports can be filtered by, read from an address and written into one: `/desk/sync` and the API."""

from typing import Final
from urllib.parse import urlencode

from haocha.store.outbox_rows import Chosen
from haocha.store.sync_figures import KINDS, STATES
from haocha.web.parameters import Parameters

FILTERS: Final = ("peer", "state", "kind", "level", "pf", "area", "from", "to", "adjusted", "projectNo", "code")
LEVELS: Final = ("5", "4", "3", "2", "1", "0")
NARROWING: Final = ("kind", "level", "pf", "area", "since", "until", "project_no", "code")


class Asked(Chosen, frozen=True, kw_only=True):
    """Rows that were asked for, and the addresses of others like them."""

    def query(self, **changes: str | int | None) -> str:
        """Give the query string that reads as this, with changes by the names of the address; None takes one away."""
        given = {
            "peer": self.peer or None,
            "state": self.state,
            "kind": self.kind,
            "level": self.level,
            "pf": self.pf,
            "area": self.area,
            "from": self.since,
            "to": self.until,
            "adjusted": "true" if self.adjusted else None,
            "projectNo": self.project_no,
            "code": self.code,
        } | changes
        return urlencode({name: value for name, value in given.items() if value is not None})

    @property
    def narrows(self) -> bool:
        """Whether more is asked for than a peer and a state."""
        return any(getattr(self, name) is not None for name in NARROWING)


def read(parameters: Parameters, peers: list[str]) -> Asked:
    """Read what is asked for; the peer is the first where none is named. Faults are left in `parameters`."""
    since, until = parameters.days()
    level = parameters.choice("level", LEVELS)
    return Asked(
        peer=parameters.choice("peer", peers) or (peers[0] if peers else ""),
        state=parameters.choice("state", STATES),
        kind=parameters.choice("kind", KINDS),
        level=None if level is None else int(level),
        pf=parameters.channel(),
        area=parameters.area(),
        since=since,
        until=until,
        adjusted=parameters.flag("adjusted"),
        project_no=parameters.text("projectNo"),
        code=parameters.text("code"),
    )
