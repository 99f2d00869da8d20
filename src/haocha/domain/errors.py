"""Refusals: what a rule of the domain answers when it says no."""

from typing import ClassVar


class Refusal(Exception):
    """A rule said no. `code` is stable for machines; the message says what was asked, what is, and what is allowed."""

    code: ClassVar[str] = "refused"
