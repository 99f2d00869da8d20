"""What a member reports, made by hand: events as its log would hold them, and the items that carry them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from haocha.domain import ids
from haocha.domain.rating import Dimensions, Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.service import ServiceRecorded
from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.store import members
from haocha.sync.dialect import Item
from haocha.sync.haocha import Haocha

NUMBERS = itertools.count(1)
BELOW = UUID("99000000-0000-4000-8000-000000000099")
"""The namespace of the member's own ids."""
AREA = "990100000000"


def now() -> datetime:
    """Return the time to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def rating(form: type = RatingSubmitted, **changes: Any) -> Any:
    """Return a good rating of a case of its own, as the member's log holds it."""
    at = now() - timedelta(hours=1)
    members_ = {
        "project_no": f"U{next(NUMBERS):08d}",
        "satisfaction": 5,
        "pf": "4",
        "assess_time": at,
        "received_at": at + timedelta(seconds=2),
        "day": at.astimezone(SHANGHAI).date(),
        "window": "H9/A01",
        "staff": "SCJG/7",
        "matter": "T-9",
        "dept": "SCJG",
        "hall": "H9",
        "area": AREA,
        "linked": True,
        "registry_position": 7,
        "client": "窗口平板",
        "key_kind": "pad",
        "device_no": "D-9",
        "device_seq": 3,
        "digest": uuid4().hex * 2,
    } | changes
    if form is RatingSupplemented:
        members_ |= {"assess_number": 2}
    return form(**members_)


def supplement(first: RatingSubmitted, **changes: Any) -> RatingSupplemented:
    """Return a 追评 of a rating."""
    stream = stream_of(first)
    return rating(RatingSupplemented, project_no=first.project_no, first=stream, **changes)


def contest(first: RatingSubmitted, **changes: Any) -> RatingContested:
    """Return another rating of the same case."""
    return rating(RatingContested, project_no=first.project_no, first=stream_of(first), **changes)


def service(**changes: Any) -> ServiceRecorded:
    """Return a service record of a case of its own."""
    at = now() - timedelta(hours=2)
    members_ = {
        "project_no": f"U{next(NUMBERS):08d}",
        "service_time": at,
        "received_at": at,
        "day": at.astimezone(SHANGHAI).date(),
        "hall": "H9",
        "window": "H9/A01",
        "area": AREA,
        "linked": True,
        "case": {"proStatus": "3"},
        "client": "受理系统",
        "key_kind": "integration",
        "digest": uuid4().hex * 2,
    }
    return ServiceRecorded(**(members_ | changes))


def stream_of(fact: Any) -> UUID:
    """Name a fact's stream in the member's log."""
    if isinstance(fact, ServiceRecorded):
        return ids.service_id(BELOW, fact.project_no, fact.service_number)
    place = ids.rating_id(BELOW, fact.project_no, fact.service_number, fact.assess_number)
    return ids.contest_id(place, fact.digest) if isinstance(fact, RatingContested) else place


def decision(fact: Any, form: type, version: int, **members_: Any) -> Any:
    """Return what the member decided about a rating."""
    common = {"originator_id": stream_of(fact), "originator_version": version, "at": now(), "cause": None}
    said = {"pf": fact.pf, "day": fact.day, "satisfaction": fact.satisfaction}
    if form is Rating.Linked:
        new = Dimensions(**{"area": AREA, "hall": "H8", "window": "H8/B01"} | members_)
        common |= {"old": fact.dimensions, "new": new, "linked": True, "excluded": False, "registry_position": 9}
        return form(**common, **said)
    place = {name: getattr(fact, name) for name in Dimensions.__struct_fields__}
    return form(**common, **said, **place, **({"by": "lin", "reason": "mistaken"} | members_))


KINDS = {
    ServiceRecorded: "service",
    RatingSubmitted: "rating",
    RatingSupplemented: "supplement",
    RatingContested: "contested",
}


def item(event: Any, of: Any = None, version: int = 1, **values: Any) -> Item:
    """Return the item of an event; a decision is `of` a rating, `values` are identity and texts."""
    kind = KINDS.get(type(event), "decision")
    if of is not None:
        version = event.originator_version
        values = {
            "projectNo": of.project_no,
            "serviceNumber": of.service_number,
            "assessNumber": of.assess_number,
            "noCase": "noCase" in of.flags,
            "digest": of.digest,
        }
    stream = stream_of(of or event)
    position = next(NUMBERS)
    return Item(position, kind, f"{kind}|{stream}|{version}", stream, version, event, now(), values, 0)


async def enrolled(site: Any, area: str = "9901", name: str = "") -> Haocha:
    """Enrol a member at a running site; return the dialect with which it reports there."""
    name = name or f"city-{next(NUMBERS)}"
    member = await members.enrol(site.context.pool, name, area, now())
    return Haocha(peer(site.url, name, members.secret_of(site.context.settings.keys, member)))


def peer(url: str, name: str, secret: str) -> Peer:
    """Return the instance above as a member's sync.toml names it."""
    return Peer(name="above", dialect="haocha", url=url, options={"member": name}, secrets={"key": secret})
