"""What a check finds."""

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that is not as it should be: a stable code, what, where in the log, and what to do next."""

    code: str
    message: str
    todo: str
    after: int | None = None
    upto: int | None = None
    rows: tuple[tuple[str, str], ...] = ()
