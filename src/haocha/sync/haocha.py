"""The haocha type: an instance of this program above us. Everything goes up as our log holds it.

`POST /v1/sync/items` takes up to 500 lines, each answered by itself. A call is signed as a whole with the secret that
`haocha sync enrol` printed up there; identities and texts are sealed under it once more, for their stream alone.
Nothing is mapped: codes, names and times are ours, and what the city decided about day and dimensions holds there too.
"""

import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from haocha.domain.service import IDENTITY
from haocha.peers import Peer
from haocha.store import events
from haocha.sync import lines, signing
from haocha.sync.dialect import KINDS, Dialect, Item, Kind, Outcome, Theirs, Unavailable
from haocha.sync.lines import Held, Line, Rated, Receipt

WORTH_PACKING: Final = 1_400  # bytes: what fits one packet gains nothing; option gzip = false where the wire is fast
REFUSED: Final = frozenset({400, 413, 415, 422})
"""Answers to what was sent, not to who sent it or when."""
TEXTS: Final = ("measures", "finding", "basis", "reason", "comment")
"""What people wrote in a step of a ticket."""
WAITS: Final = frozenset({"rating_missing", "service_missing"})
"""What we can send ourselves is missing up there."""

_encoder = msgspec.json.Encoder()
_receipts = msgspec.json.Decoder(Receipt)
_held = msgspec.json.Decoder(Held)


class Haocha(Dialect):
    """The dialect."""

    name: ClassVar[str] = "haocha"
    version: ClassVar[str] = "2026.1"
    kinds: ClassVar[frozenset[Kind]] = frozenset(KINDS)
    no_case: ClassVar[bool] = True
    record_first: ClassVar[bool] = False
    listable: ClassVar[bool] = True
    usual: ClassVar[int] = lines.MOST_ITEMS
    with_service: ClassVar[bool] = False

    def __init__(self, peer: Peer) -> None:
        """Take the name under which the instance above knows us, and the secret it gave us."""
        super().__init__(peer)
        self._member: str = peer.option("member", "")
        if not self._member:
            raise ValueError("option member is missing: the name given to haocha sync enrol")
        self._secret = peer.secret("key").encode()
        if not (_is_safe(peer.url) or peer.option("plain_http", default=False)):
            raise ValueError(
                "url must begin with https: what comes back is not signed; where the network between both is trusted, "
                "say so by the option plain_http = true"
            )
        self._packs: bool = peer.option("gzip", default=True)

    def operation(self, _item: Item) -> str:
        """All go one way."""
        return "items"

    def limit(self, _operation: str) -> int:
        """Return what one call may hold."""
        return min(self.peer.batch or lines.MOST_ITEMS, lines.MOST_ITEMS)

    def check(self, _item: Item, _now: datetime) -> Outcome | None:
        """Send everything: what it says was checked when it came in."""
        return None

    async def send(
        self, client: httpx.AsyncClient, _operation: str, items: Sequence[Item], now: datetime
    ) -> list[Outcome]:
        """Send one line for each item, and read one receipt for each."""
        body = _encoder.encode_lines([self._line(item) for item in items])
        headers = {"Content-Type": lines.NDJSON}
        if self._packs and len(body) > WORTH_PACKING:
            body = zlib.compress(body, 1, wbits=31)
            headers["Content-Encoding"] = "gzip"
        headers |= self._signed("POST", lines.ITEMS, body, now)
        answer = await client.post(self.peer.url + lines.ITEMS, content=body, headers=headers)
        if answer.status_code in REFUSED:
            return _refused(answer) if len(items) == 1 else []
        receipts = _read(answer, _receipts)
        if len(receipts) != len(items):
            raise Unavailable(f"{len(receipts)} receipts for {len(items)} items")
        return [_outcome(receipt) for receipt in receipts]

    async def listing(self, client: httpx.AsyncClient, day: date) -> AsyncIterator[Theirs]:
        """Tell what the instance above holds of what we reported."""
        after = 0
        while True:
            target = f"{lines.RATINGS}?day={day.isoformat()}&after={after}"
            headers = self._signed("GET", target, b"", datetime.now(UTC))
            page = _read(await client.get(self.peer.url + target, headers=headers), _held)
            if not page:
                return
            for held in page:
                yield Theirs(
                    held.project_no,
                    held.service_number,
                    held.assess_number,
                    held.area_code,
                    held.pf,
                    held.satisfaction,
                    held.digest,
                )
            if page[-1].position <= after:
                raise Unavailable("the list does not go on")
            after = page[-1].position

    def _signed(self, method: str, target: str, body: bytes, now: datetime) -> dict[str, str]:
        return {signing.PEER: self._member, **signing.sign(self._secret, method, target, body, now)}

    def _line(self, item: Item) -> Line:
        values, sealed = item.values, ""
        rated: Rated | None = None
        match item.kind:
            case "ticket":
                written = {name: values[name] for name in TEXTS if values.get(name)}
                step = {name: value for name, value in values.items() if name not in written}
                return Line(
                    kind="ticket", stream=item.stream, version=item.version, step=step, sealed=self._seal(item, written)
                )
            case "decision":
                rated = Rated(
                    project_no=values["projectNo"],
                    service_number=values["serviceNumber"],
                    assess_number=values["assessNumber"],
                    no_case=values["noCase"],
                    digest=values["digest"],
                )
                topic, state = events.encode(item.event)
            case _:
                fact = item.event
                if fact.subject is not None:
                    names = (*IDENTITY, *fact.texts)
                    sealed = self._seal(item, {name: values[name] for name in names if values.get(name)})
                topic, state = events.encode(msgspec.structs.replace(fact, subject=None, texts={}, registry_position=0))
        return Line(
            kind=item.kind,
            stream=item.stream,
            version=item.version,
            topic=topic,
            event=msgspec.Raw(state),
            rated=rated,
            sealed=sealed,
        )

    def _seal(self, item: Item, apart: dict[str, str]) -> str:
        return signing.seal(self._secret, item.stream, apart) if apart else ""


def _is_safe(url: str) -> bool:
    """Tell whether nobody on the way can change an answer: it is encrypted, or does not leave the machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"127.0.0.1", "::1", "localhost"}


def _read(answer: httpx.Response, decoder: msgspec.json.Decoder[Any]) -> list[Any]:
    """Read the lines of an answer; raises `Unavailable` where it is none."""
    if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith(lines.NDJSON):  # noqa: PLR2004
        raise Unavailable(f"answer {answer.status_code} {_words(answer)[0]}".strip())
    try:
        return decoder.decode_lines(answer.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unavailable(f"the answer cannot be read ({type(error).__name__})") from None


def _refused(answer: httpx.Response) -> list[Outcome]:
    code, words = _words(answer)
    if not code:
        raise Unavailable(f"answer {answer.status_code}")
    return [Outcome("invalid", code, words)]


def _words(answer: httpx.Response) -> tuple[str, str]:
    """Return code and words of a problem; nothing where it is none."""
    try:
        problem = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    return str(problem.get("code", "")), str(problem.get("detail", ""))


def _outcome(receipt: Receipt) -> Outcome:
    words = "；".join(error.message for error in receipt.errors) or receipt.message
    position = str(receipt.position or "")
    match receipt.status:
        case "accepted":
            return Outcome("accepted", receipt.code, words, position)
        case "known":
            return Outcome("duplicate", receipt.code, words, position)
        case "retry":
            return Outcome("noService" if receipt.code in WAITS else "unavailable", receipt.code, words)
        case "invalid":
            return Outcome("invalid", receipt.code or (receipt.errors[0].code if receipt.errors else ""), words)


DIALECT: Final = Haocha
