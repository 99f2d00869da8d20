"""Ratings for a Fujian-type platform, and the dialect with a clock of its own."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.sync.dialect import Item
from haocha.sync.fujian import Fujian

KEY, CODE = "example-app-key", "example-app-code"
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # noon in Shanghai
CASE = {
    "projectNo": "990100-2026-0007",
    "serviceNumber": 2,
    "assessNumber": 1,
    "satisfaction": 1,
    "pf": "4",
    "evalDetail": ("110", "115"),
    "writingEvaluation": "等了 <两> 个小时 & 没人理",
    "assessTime": datetime(2026, 11, 20, 10, 5, 7, tzinfo=SHANGHAI),
    "serviceTime": datetime(2026, 11, 20, 9, 55, tzinfo=SHANGHAI),
    "receivedAt": datetime(2026, 11, 20, 10, 5, 8, tzinfo=SHANGHAI),
    "named": True,
    "areaCode": "990101002000",
    "deviceNo": "P,7",
    "taskCode": "990111000000000000000000000001X",
    "taskName": "户口迁移",
    "projectName": "云岫的户口迁移",
    "proStatus": "3",
    "serviceName": "办结",
    "acceptDate": "2026-11-18T01:00:00Z",
    "resultDate": "2026-11-20 09:50:00",
    "userProp": "1",
    "userName": "云小满",
    "userPageType": "111",
    "certKey": "990101190001010017",
    "mobile": "19900000017",
}


def peer(url: str = "http://127.0.0.1:9", **more: Any) -> Peer:
    """Name a platform of this type."""
    members: dict[str, Any] = {"secrets": {"app_key": KEY, "app_code": CODE}} | more
    return Peer(name="province", dialect="fujian", url=url, **members)


def dialect(url: str = "http://127.0.0.1:9", now: datetime = NOW, **more: Any) -> Fujian:
    """Make the dialect with a clock that stands."""
    return Fujian(peer(url, **more), clock=lambda: now)


def item(position: int = 1, **values: Any) -> Item:
    """Make a rating, or a 追评 where assessNumber is 2."""
    values = CASE | values
    kind = "supplement" if values["assessNumber"] == 2 else "rating"
    received = values["receivedAt"]
    return Item(position, kind, f"{kind}|x|{position}", UUID(int=position), 1, None, received, values, 0)


def now_item(position: int = 1, **values: Any) -> Item:
    """Make a rating of just now, of a case of its own."""
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"assessTime": now, "receivedAt": now, "serviceTime": now - timedelta(minutes=9)}
    return item(position, **({"projectNo": f"99-{position}", "serviceNumber": 1} | times | values))
