"""Event handlers (process managers), one file each: a pure function from an event and loaded state to effects."""

from collections.abc import Sequence

from haocha.handlers.deadlines import Deadlines
from haocha.handlers.exclude_rating import ExcludeRating
from haocha.handlers.flag_contested import FlagContested
from haocha.handlers.handler import Handler
from haocha.handlers.link import Link
from haocha.handlers.notify import Notify
from haocha.handlers.obey import Obey
from haocha.handlers.open_ticket import OpenTicket
from haocha.handlers.pair_supplement import PairSupplement
from haocha.handlers.recompute_dues import RecomputeDues
from haocha.handlers.report import Report
from haocha.handlers.verification import Verification
from haocha.peers import Peer
from haocha.store.install import Install

KINDS: tuple[type[Handler], ...] = (
    OpenTicket,
    Obey,
    ExcludeRating,
    FlagContested,
    PairSupplement,
    Link,
    RecomputeDues,
    Deadlines,
    Verification,
    Notify,
)


def handlers(install: Install, peers: Sequence[Peer] = ()) -> tuple[Handler, ...]:
    """Make every handler of this installation, one that reports to each of `peers` among them."""
    return (*(kind(install) for kind in KINDS), *(Report(install, peer) for peer in peers))
