"""The web process: uvicorn on one event loop, the worker beside it, ended in order."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator

import click
import structlog
import uvicorn

from haocha.engine import process
from haocha.settings import Settings
from haocha.store.instance import open_instance
from haocha.web.app import create_app
from haocha.web.context import open_context

log = structlog.get_logger(__name__)

BACKLOG = 2048
KEEP_ALIVE = 75  # seconds; longer than reverse proxies keep theirs
GARBAGE = 10_000  # new objects between two looks of the collector
PATIENCE = 2  # seconds for running requests at shutdown; streams of events end then


class Server(uvicorn.Server):
    """uvicorn that leaves signals to us and says where it listens."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        """Serve `config`; `stopping` tells the streams of events, which never end by themselves."""
        super().__init__(config)
        self._stopping = stopping

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: they end more than the web server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the one line for people."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            click.echo(f"haocha: http://{f'[{host}]' if ':' in host else host}:{port}/", err=True)

    def stop(self) -> None:
        """Take no new connections and end."""
        log.info("stopping")
        self._stopping.set()
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket before anything else starts; OSError says why it cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


async def serve(settings: Settings, listening: socket.socket, *, worker: bool) -> None:
    """Serve on `listening` until a signal comes; then finish requests, commit what waits, and stop the worker."""
    opening = asyncio.current_task()
    server: Server | None = None

    def stop() -> None:
        if server is not None:
            server.stop()
        elif opening is not None:
            opening.cancel()

    with process.on_signal(stop):
        async with open_instance(settings) as instance, asyncio.TaskGroup() as group:
            supervising = group.create_task(instance.supervise())
            async with open_context(instance) as context:
                working = [group.create_task(process.work(instance))] if worker else []
                server = Server(_config(create_app(context), settings), context.stopping)
                _spare_the_collector()
                await server.serve(sockets=[listening])
                for task in working:
                    task.cancel()
                if working:
                    await asyncio.wait(working)
            supervising.cancel()


def _spare_the_collector() -> None:
    """Keep the garbage collector off what is loaded for good, and let it look at the rest less often.

    A request makes some hundred objects and drops them all by itself; walking them every 700 is a tenth of its cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)


def _config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="none",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=PATIENCE,
    )
