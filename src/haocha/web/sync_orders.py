"""`/v1/sync/{peer}/orders` takes in what a platform above sends down (下发); `/v1/sync/orders` tells members the same.

A push is signed as a whole with the secret `down` that `sync.toml` names for the peer, and may be repeated: each item
is answered by itself. A member reads on from a position of ours and keeps where it was.
"""

from collections import Counter as Tally
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from prometheus_client import Counter

from haocha.peers import Peer
from haocha.store import log
from haocha.store.db import AWAY
from haocha.store.log import QueueFull, Unavailable
from haocha.sync import downward, signing
from haocha.sync.downward import Teller
from haocha.web import brackets, order_intake, submit
from haocha.web.context import Context
from haocha.web.order_facts import Desk
from haocha.web.parameters import Parameters
from haocha.web.problems import Problem, unavailable
from haocha.web.sync_auth import counted, fresh, signed, target_of

MOST_ITEMS: Final = 500
USUAL: Final = 200
SECRET: Final = "down"  # noqa: S105 (its name)
NOBODY: Final = b"\0" * 32
PULLS_PER_MINUTE: Final = 600  # of one member
TOLD: Final = Counter(
    "haocha_orders_total", "Items that a platform above sent down, by their answer", ["peer", "status"]
)


@post("/v1/sync/{peer:str}/orders", status_code=200, include_in_schema=False)
async def post_orders(request: Request[Any, Any, Any], peer: FromPath[str]) -> Response[bytes]:
    """Take in what the platform above sends down; each item is answered by itself (上级下发)."""
    context: Context = request.app.state.context
    sender, body = await _pushed(request, peer)
    media_type = submit.media_type(request.headers.get("content-type"))
    items = _split(body, media_type)
    if context.batcher.depth + len(items) > context.settings.queue:
        raise unavailable()
    desk = Desk(context.install.namespace, context.registry, context.vault, context.digest_key)
    secret = sender.secrets[SECRET].encode()
    try:
        taken = await order_intake.take(
            desk, context.batcher, context.pool, sender, items, secret=secret, received=context.now()
        )
    except (QueueFull, Unavailable, *AWAY):
        raise unavailable() from None
    for status, count in Tally(one.status for one in taken).items():
        TOLD.labels(sender.name, str(status)).inc(count)
    answers = [one.as_json(index) for index, one in enumerate(taken)]
    if media_type in submit.NDJSON:
        lines = msgspec.json.Encoder().encode_lines(answers)
        return Response(lines, status_code=200, media_type="application/x-ndjson")
    return Response(msgspec.json.encode({"results": answers}), status_code=200, media_type="application/json")


async def _pushed(request: Request[Any, Any, Any], name: str) -> tuple[Peer, bytes]:
    """Return who sent the request, and its body; raises the same `401` for a stranger as for a wrong signature."""
    context: Context = request.app.state.context
    now = context.now()
    if not fresh(request, now):
        raise counted(context, request)
    body = await request.body()
    peer = next((peer for peer in context.settings.peers if peer.name == name and peer.secrets.get(SECRET)), None)
    secret = peer.secrets[SECRET].encode() if peer else NOBODY
    genuine = signing.verify(secret, request.method, target_of(request), body, request.headers, now)
    if peer is None or not genuine:
        raise counted(context, request)
    return peer, body


def _split(body: bytes, media_type: str) -> Sequence[bytes | msgspec.Raw]:
    """Split a body into its items, unread; raises `400`, `413` and `415`."""
    if len(body) > submit.LARGEST_BATCH_BODY:
        raise submit.too_large("8 MB")
    items: Sequence[bytes | msgspec.Raw]
    if media_type in submit.NDJSON:
        items = [line for line in body.split(b"\n") if line.strip()]
    elif media_type == "application/json":
        try:
            items = msgspec.json.decode(body, type=list[msgspec.Raw])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            items = _by_brackets(body)
    else:
        raise submit.unsupported()
    if len(items) > MOST_ITEMS:
        raise submit.too_large(f"每批 {MOST_ITEMS} 条")
    return items


def _by_brackets(body: bytes) -> Sequence[bytes]:
    """Split an array of which one item cannot be read, so that it stands alone."""
    try:
        return brackets.parts(body)
    except ValueError:
        raise Problem(400, "malformed", "请求体应为 JSON 数组（UTF-8），或 NDJSON 每行一条。") from None


@get("/v1/sync/orders", include_in_schema=False)
async def list_orders(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Tell a member the tickets, verdicts, urgings and lists of indicators behind a position (成员取下发)."""
    context: Context = request.app.state.context
    sent = await signed(request)
    context.key_limits.check(f"pull:{sent.member.name}", PULLS_PER_MINUTE)
    parameters = Parameters(request, ("after", "limit"))
    after, limit = parameters.position("after") or 0, parameters.limit(USUAL, MOST_ITEMS)
    parameters.check()
    teller = Teller(sent.member, sent.secret, context.vault)
    try:
        if after > (head := await log.head(context.pool)):
            raise Problem(409, "cursor_ahead", f"after 为 {after}，日志只到 {head}：请从头再取。", head=head)
        page = await downward.page(context.pool, teller, after, limit)
    except AWAY:
        raise unavailable() from None
    answer = {"position": page.position, "more": page.more, "items": page.items}
    return Response(msgspec.json.encode(answer), media_type="application/json")


routes = [post_orders, list_orders]
