"""Passwords: argon2id in threads of its own, few at a time, so that neither the loop nor ingest waits for it."""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from haocha.domain.errors import Refusal

Done = TypeVar("Done")

SHORTEST, LONGEST = 10, 200
HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)  # 19 MiB; 50 to 100 ms
THREADS = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2), thread_name_prefix="argon2")
MOST_WAITING = 100  # that is some seconds of work
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another
WORST = frozenset(
    {
        *("1234567890", "0123456789", "0987654321", "12345678910", "123456789a", "a123456789", "a1234567890"),
        *("qwertyuiop", "qwerty12345", "1q2w3e4r5t", "1qaz2wsx3edc", "1qazxsw23edc", "asdfghjkl;", "qazwsxedcr"),
        *("password12", "password123", "passw0rd123", "p@ssw0rd123", "admin12345", "admin123456", "administrator"),
        *("5201314520", "woaini1314", "woaini5201314", "iloveyou123", "abcd123456", "abc1234567", "aa12345678"),
        *("changeme123", "letmein123", "welcome123", "haocha12345", "zhengwu123", "haochaping"),
    }
)
AROUND = "0123456789!@#$%.-_"  # a name with these around it is no better than the name
VARIETY = 4  # different characters that a password has at least


class Busy(Exception):
    """Too many passwords wait to be looked at: try again in a moment."""


class PasswordTooWeak(Refusal):
    """Use at least 10 characters, neither the username nor one of the passwords that everybody tries first."""

    code = "password_weak"


def check(password: str, username: str) -> None:
    """Refuse a password that is among the first to be guessed."""
    plain, name = _plain(password).casefold(), username.casefold()
    if (
        not SHORTEST <= len(plain) <= LONGEST
        or name in {plain, plain.strip(AROUND)}
        or plain in WORST
        or len(set(plain)) < VARIETY
    ):
        raise PasswordTooWeak(str(PasswordTooWeak.__doc__))


def generate() -> str:
    """Make a password of 79 bits that can be read aloud and typed."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


class Queue:
    """Who waits for the threads; so many at most, lest guessers keep everybody waiting for minutes."""

    def __init__(self, most: int) -> None:
        """Let `most` wait."""
        self.most = most
        self.waiting = 0

    def check(self) -> None:
        """Refuse another one where too many wait; asked before an attempt is counted against an account."""
        if self.waiting >= self.most:
            raise Busy

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """Wait for a thread and for what it does."""
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(THREADS, work, *arguments)
        finally:
            self.waiting -= 1


QUEUE = Queue(MOST_WAITING)


async def hashed(password: str) -> str:
    """Return what is stored of a password."""
    return await QUEUE.run(HASHER.hash, _plain(password))


async def holds(password: str, stored: str | None) -> bool:
    """Tell whether `password` is the one that was stored; where none was, it takes as long to say no."""
    return await QUEUE.run(_verify, _plain(password[:LONGEST]), stored)


def _plain(password: str) -> str:
    """Full-width letters of an input method mean the same as plain ones."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    return HASHER.hash(generate())


def _verify(password: str, stored: str | None) -> bool:
    try:
        return HASHER.verify(stored or _nobodys(), password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False
