"""Plainly fictional records for the Shandong dialect, and a peer of that type."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.sync.cipher import PrivateKey
from haocha.sync.dialect import Item

NOW = datetime.now(UTC)
SERVED = (NOW - timedelta(minutes=30)).replace(microsecond=0)
AT = (NOW - timedelta(minutes=20)).replace(microsecond=0)
TASK = "11990100MB00000001400012345678A"
PUBLIC = PrivateKey(1).public()  # of a key that everybody knows

PLACE = {
    "areaCode": "990182000000",
    "deptCode": "11990100000000001A",
    "deptName": "虚市场监管局",
    "taskCode": TASK,
    "taskName": "个体工商户设立登记",
    "staffName": "甲某",
}
IDENTITY = {
    "userName": "虚拟人",
    "userPageType": "111",
    "certKey": "99010019000101001X",
    "mobile": "19900000001",
}
CASE = {
    "projectNo": "99000001",
    "serviceNumber": 2,
    "serviceTime": SERVED,
    "serviceName": "窗口受理",
    "proStatus": "2",
    "projectType": "1",
    "proChannel": "2",
    "promiseTime": "1",
    "promiseDay": 5,
    "promiseType": "1",
    "taskType": "01",
    "acceptDate": "2026-11-19T09:00:00+08:00",
    "userProp": "1",
    **PLACE,
}
SERVICE = CASE | IDENTITY
RATING = CASE | {
    "assessNumber": 1,
    "satisfaction": 2,
    "pf": "2",
    "evalDetail": ("208", "213"),
    "writingEvaluation": "材料清单不全，让我跑了两趟",
    "assessTime": AT,
}
NAMED = RATING | IDENTITY | {"isAnonymity": "2"}


def wire(moment: datetime) -> str:
    """Write a time as the platform does."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def peer(url: str = "http://127.0.0.1:9", *, adjust: float = 0, districts=None, secrets=None, **options) -> Peer:
    """Return a peer of this type; `adjust` is minutes."""
    return Peer(
        name="province",
        dialect="shandong",
        url=url,
        adjust=timedelta(minutes=adjust),
        districts=districts or {},
        options={"app_mark": "haocha"} | options,
        secrets={"app_word": "a-word-for-tests", "public_key": PUBLIC} if secrets is None else secrets,
    )


def item(kind: str, values: dict, /, **changed) -> Item:
    """Return an item with some values of its own; None takes one away."""
    known = {name: value for name, value in (values | changed).items() if value is not None}
    return Item(1, kind, f"{kind}|{known['projectNo']}", uuid4(), 1, None, NOW, known, 0)


def service(**changed) -> Item:
    """Return a service record."""
    return item("service", SERVICE, **changed)


def rating(values: dict = NAMED, /, **changed) -> Item:
    """Return a first rating."""
    return item("rating", values, **changed)


def supplement(**changed) -> Item:
    """Return a 追评."""
    return item("supplement", NAMED | {"assessNumber": 2}, **changed)
