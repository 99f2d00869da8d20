"""Logs: structlog as one JSON object per line on stderr, the standard library's loggers included, no personal data."""

import logging
import sys

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

#: Members that name a person or hold what one wrote: they never reach a log line, whoever passes them.
PERSONAL = frozenset(
    {
        "userName",
        "certKey",
        "certType",
        "mobile",
        "writingEvaluation",
        "ext",
        "user_name",
        "cert_key",
        "body",
        "authorization",
    }
)

#: Libraries that say in many lines what haocha says in one: a lost database, a started server.
QUIET = {
    "asyncio": logging.WARNING,
    "asyncpg": logging.ERROR,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "uvicorn": logging.WARNING,
}


def drop_personal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every personal member, at the top of the line."""
    for name in PERSONAL & event.keys():
        event[name] = "***"
    return event


def _encode(event: EventDict, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def configure(level: str = "INFO") -> None:
    """Send every log line of this process to stderr as JSON; call once, before anything logs."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                drop_personal,
                structlog.processors.JSONRenderer(serializer=_encode),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
