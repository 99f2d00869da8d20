"""The base of all simulated provinces: one process that answers like a platform, with faults, and keeps what it took.

A dialect's file gives a `Province`: `handle` reads a request, checks it and answers in the platform's own form. Around
it stand here the transaction (on the disk before the answer goes out), the faults, the control routes under `/-/` and
the command line. `README.md` beside this file shows how to start one and how to torment it; the smallest of all:

    class Anywhere(Province):
        '''The platform of nowhere in particular: it takes what it gets.'''

        def handle(self, request: Request) -> Answer | None:
            record = Record(kind="rating", project_no=request.form()["projectNo"])
            if self.faults.refuses(record.key):
                return json_answer({"result": "0", "resultmsg": WORDS})
            return json_answer({"result": "1" if self.store.put(record) else "0"})

    if __name__ == "__main__":
        main(Anywhere)
"""

import argparse
import asyncio
import contextlib
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from control import Control
from faults import WORDS, Faults
from messages import ERROR_PAGE, HTML, Answer, Request, json_answer
from records import Record, Store

__all__ = ["WORDS", "Answer", "Faults", "Province", "Record", "Request", "Store", "json_answer", "main"]

HOLD = 300.0  # seconds that a request without an answer is held, if the client has that patience
PATIENCE = 1  # seconds for running requests at the end
KEEP_ALIVE = 75  # seconds

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Province(ABC):
    """One platform. `store`, `faults` and `options` (the parsed command line) are there before the first request."""

    def __init__(self, store: Store, faults: Faults, options: argparse.Namespace) -> None:
        self.store, self.faults, self.options = store, faults, options

    @classmethod  # noqa: B027 (most have none)
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the dialect's own options, if it has any."""

    @abstractmethod
    def handle(self, request: Request) -> Answer | None:
        """Answer a request, None for a path that the platform does not have.

        It runs inside one transaction and nothing runs beside it: check, then put, needs no lock. An exception takes
        back what was put and is answered as an error page.
        """

    def expire(self) -> None:  # noqa: B027 (most know no tokens)
        """Revoke the tokens that are in use, where the platform gives out any."""


class Application:
    """The ASGI application around a province."""

    def __init__(self, province: Province, folder: Path) -> None:
        self._province, self._store, self._faults = province, province.store, province.faults
        self._control = Control(self._store, self._faults)
        self._log = (folder / "requests.log").open("a", buffering=1)  # time, fault, method, target

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], scope["query_string"].decode(), headers, bytes(body))
        if request.path.startswith("/-/"):
            await _reply(send, self._control.handle(request))
        else:
            await self._serve(request, receive, send)

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer as the platform does, or as the drawn fault has it."""
        self._control.requests += 1
        fate = self._faults.fate()
        self._log.write(f"{datetime.now(UTC).isoformat()} {fate or '-'} {request.method} {request.target}\n")
        if fate == "expire":
            self._province.expire()
        lost = fate in {"timeout", "error", "html"} and self._faults.early()
        answer = None if lost else self._answer(request)
        match fate:
            case "timeout":
                await _hold(receive)
            case "error":
                await _reply(send, Answer(ERROR_PAGE, 502, HTML))
            case "html":
                await _reply(send, Answer(ERROR_PAGE, 200, HTML))
            case "cut":
                await _cut(send)
            case "slow":
                await asyncio.sleep(self._faults.delay())
                await _reply(send, answer)
            case _:
                await _reply(send, answer)

    def _answer(self, request: Request) -> Answer | None:
        with self._store.transaction():
            return self._province.handle(request)


async def _reply(send: Send, answer: Answer | None) -> None:
    """Send the answer; None is a path that is not there."""
    answer = answer or json_answer({"status": 404, "error": "Not Found"}, 404)
    headers = [("content-type", answer.kind), ("content-length", str(len(answer.body))), *answer.headers]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": answer.body})


async def _cut(send: Send) -> None:
    """Begin an answer and drop the connection: uvicorn closes one that ends before its announced length."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


async def _hold(receive: Receive) -> None:
    """Say nothing until the client gives up."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(receive(), HOLD)


def serve(province: Province, folder: Path, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM or Ctrl-C; print the line `listening http://127.0.0.1:PORT` first."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)  # an answer cut off is no news here
    config = uvicorn.Config(
        Application(province, folder),
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=PATIENCE,
    )
    with socket.create_server(("127.0.0.1", port)) as listening:
        print(f"listening http://127.0.0.1:{listening.getsockname()[1]}", flush=True)  # noqa: T201
        uvicorn.Server(config).run(sockets=[listening])


def main(kind: type[Province]) -> None:
    """Run one province from its command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=kind.__doc__,
        epilog="""What it took:     curl http://127.0.0.1:PORT/-/records
Faults by chance: curl -d '{"error": 0.1, "cut": 0.1}' http://127.0.0.1:PORT/-/faults
All of it:        ops/province/README.md""",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one, which is printed)")
    parser.add_argument("--data", type=Path, required=True, help="folder of what it keeps; made where it is missing")
    parser.add_argument("--seed", type=int, default=1, help="seed of the faults' chance (default: 1)")
    kind.add_options(parser)
    options = parser.parse_args()
    store = Store(options.data)
    with contextlib.suppress(KeyboardInterrupt):
        serve(kind(store, Faults(store, options.seed), options), options.data, options.port)
