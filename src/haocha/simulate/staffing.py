"""Who works in the offices of the fictional city: an account for each, with its password and token in a file."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from haocha.domain import policy_document, publishing
from haocha.domain.account import AccountRole
from haocha.simulate.names import DEPARTMENTS
from haocha.store import accounts, log, rulebook

GOVERNMENT: Final = "99YX0000"
POLICY: Final = Path(__file__).with_name("demo-policy.toml")
BY: Final = "demo"


class Worker(msgspec.Struct, frozen=True):
    """An account of the demonstration."""

    username: str
    role: AccountRole
    unit: str
    name: str
    password: str = ""
    token: str = ""


AT_THE_GOVERNMENT: Final[tuple[tuple[str, AccountRole, str], ...]] = (
    ("duban", "supervisor", "督办员·演示"),
    ("fuhe", "reviewer", "复核员·演示"),
    ("huifang", "agent", "回访员·演示"),
    ("chaping", "inspector", "查评员·演示"),
    ("lingdao", "leader", "领导·演示"),
    ("shenji", "auditor", "审计员·演示"),
    ("guanli", "admin", "管理员·演示"),
)


def workers() -> Iterator[Worker]:
    """Name everybody: one of each role at the government, a handler in each department."""
    for username, role, name in AT_THE_GOVERNMENT:
        yield Worker(username, role, GOVERNMENT, name)
    for number, name in enumerate(DEPARTMENTS, start=1):
        yield Worker(f"chengban{number:02d}", "handler", f"99YX{number:04d}", f"{name}承办员·演示")


async def hire(pool: asyncpg.Pool, file: Path, now: datetime) -> list[Worker]:
    """Return all accounts with password and token; those of the file as they are, new ones are made."""
    known = msgspec.json.decode(file.read_bytes(), type=list[Worker]) if file.exists() else []
    held = {worker.username: worker for worker in known if await accounts.holding(pool, worker.token)}
    for worker in workers():
        if worker.username not in held:
            held[worker.username] = await _account(pool, worker, now)
    everybody = list(held.values())
    if everybody != known:
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(everybody)))
        draft.replace(file)
    return everybody


async def _account(pool: asyncpg.Pool, worker: Worker, now: datetime) -> Worker:
    """Make the account, or where it is there without its file, give it another password and token."""
    person = await accounts.find(pool, worker.username)
    if person is None:
        password = await accounts.create(
            pool,
            username=worker.username,
            role=worker.role,
            unit=worker.unit,
            name=worker.name,
            must_change=False,
            by=BY,
            now=now,
        )
        person = await accounts.find(pool, worker.username)
        assert person is not None  # noqa: S101 (it was just made)
    else:
        password = await accounts.reset_password(pool, person, by=BY, now=now)
    token = await accounts.create_token(pool, person.id, by=BY, now=now)
    return msgspec.structs.replace(worker, password=password, token=token)


async def rule(pool: asyncpg.Pool, now: datetime) -> None:
    """Publish the rules of the demonstration, with limits in minutes, where they are not in force."""
    install, rules = await rulebook.begun(pool, now)
    document = policy_document.check(policy_document.read(POLICY.read_text(encoding="utf-8")))
    try:
        plan = publishing.policy(rules, document, by=BY, at=now)
    except publishing.NothingNew:
        return
    await log.append(pool, [rulebook.group(install, plan.published, plan.number)])


def tokens(everybody: list[Worker]) -> dict[str, str]:
    """Return the tokens as the offices use them: handlers by their unit, the others by role."""
    return {f"handler:{one.unit}" if one.role == "handler" else one.role: one.token for one in everybody}
