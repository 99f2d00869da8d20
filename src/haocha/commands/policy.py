"""`haocha policy`: the limits, counts and switches of the 差评 loop, as versions that anybody can read."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.commands.policy_replay import replay
from haocha.domain.documents import Faulty
from haocha.domain.errors import Refusal
from haocha.domain.policy import PolicyPublished, Rulebook
from haocha.store.instance import Instance

T = TypeVar("T")


IMPORTING = """\b
haocha policy import shanghai
haocha policy import jinan.toml --name jinan --area 3701 --apply
"""


@click.group()
def policy() -> None:
    """List, show, export, import and withdraw policies, and replay the log under another one.

    Each policy has a name; what is imported under a name is its next version. `default` holds for all; other names hold
    for an area or a department. A ticket keeps the version it was opened under.
    """


policy.add_command(replay)


def with_rules(data: Path | None, work: Callable[[Any, Any, Rulebook], Awaitable[T]]) -> T:
    """Run `work` on a pool, the installation and its rules; refusals and faults end the command with exit code 1."""

    async def inside(instance: Instance) -> T:
        from haocha.store import rulebook
        from haocha.store.db import open_pool

        async with await open_pool(instance.dsn, size=2) as pool:
            install, rules = await rulebook.begun(pool, datetime.now(UTC))
            return await work(pool, install, rules)

    try:
        return in_instance(data, inside)
    except (Refusal, Faulty) as refusal:
        raise click.ClickException(str(refusal)) from None


async def publish(pool: Any, install: Any, plan: Any) -> None:
    """Append what was planned; refuses where somebody else published the same number meanwhile."""
    from haocha.store import log, rulebook

    (verdict,) = await log.append(pool, [rulebook.group(install, plan.published, plan.number)])
    if verdict.verdict != "ok":
        raise click.ClickException("Somebody published a version at the same moment: try again.")


def by() -> str:
    """Name who types."""
    return f"os:{getpass.getuser()}"


@policy.command(name="list")
@data_option
@json_option
def list_policies(data: Path | None, *, as_json: bool) -> None:
    """List every version of every policy, the newest first, with whom it holds for."""

    async def work(_pool: Any, _install: Any, rules: Rulebook) -> list[dict[str, Any]]:
        in_force = {published.version for published in rules.in_force(rules.head)}
        return [_row(position, published, in_force) for position, published in reversed(rules.policies)]

    rows = with_rules(data, work)
    lines = [
        f"{row['version']:<20} {'in force' if row['inForce'] else '':<9} {_whom(row):<28} "
        f"{row['at']:%Y-%m-%d %H:%M}  {row['by']}"
        for row in rows
    ]
    report(rows, "\n".join(lines), as_json=as_json)


@policy.command()
@data_option
@json_option
def presets(data: Path | None, *, as_json: bool) -> None:  # noqa: ARG001 (every command takes it)
    """List the presets that come with haocha: policies as places have set them."""
    from haocha import policies

    rows = [{"name": name, "title": title} for name, title in policies.TITLES.items()]
    report(rows, "\n".join(f"{row['name']:<10} {row['title']}" for row in rows), as_json=as_json)


@policy.command()
@click.argument("which", metavar="NAME|VERSION|PRESET")
@data_option
@json_option
def show(which: str, data: Path | None, *, as_json: bool) -> None:
    """Show a policy: the one in force under NAME, one VERSION, or a PRESET; as TOML, which `import` takes back."""
    text, members = with_rules(data, lambda _pool, _install, rules: _shown(rules, which))
    report(members, text.rstrip(), as_json=as_json)


@policy.command()
@click.argument("which", metavar="NAME|VERSION|PRESET")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_option
@json_option
def export(which: str, file: Path, data: Path | None, *, as_json: bool) -> None:
    """Write a policy to FILE (TOML), to edit and import."""
    text, _ = with_rules(data, lambda _pool, _install, rules: _shown(rules, which))
    file.write_text(text, encoding="utf-8")
    report({"file": str(file)}, f"{which} written to {file}.", as_json=as_json)


@policy.command("import", epilog=IMPORTING)
@click.argument("file", metavar="FILE|PRESET")
@click.option("--name", help="The policy's name. [default: what the file says, else `default`]")
@click.option("--area", help="Hold for areas whose code begins so, such as 3701. [default: what the file says]")
@click.option("--dept", help="Hold for tickets about this department (deptCode). [default: what the file says]")
@click.option("--apply", is_flag=True, help="Publish it; without it the changes are only shown (dry run).")
@data_option
@json_option
def import_(
    file: str, name: str | None, area: str | None, dept: str | None, data: Path | None, *, apply: bool, as_json: bool
) -> None:
    """Import a policy from FILE (TOML) or one of the presets.

    Shows what would change against the version that holds now, or every fault with its member; --apply publishes it.
    The same again changes nothing. Tickets that are open keep the version they were opened under.
    """
    from haocha.domain import policy_document, publishing

    try:
        value = policy_document.read(source(file))
        given = {"name": name, "area": area, "dept": dept}
        document = policy_document.check(value | {member: said for member, said in given.items() if said is not None})
    except Faulty as faulty:
        faults = [fault._asdict() for fault in faulty.faults]
        report({"applied": False, "faults": faults}, f"{faulty}\n{len(faults)} faults.", as_json=as_json)
        raise click.exceptions.Exit(1) from None

    async def work(pool: Any, install: Any, rules: Rulebook) -> publishing.PolicyPlan | None:
        try:
            plan = publishing.policy(rules, document, by=by(), at=datetime.now(UTC))
        except publishing.NothingNew:
            return None
        if apply:
            await publish(pool, install, plan)
        return plan

    plan = with_rules(data, work)
    result = {
        "applied": apply and plan is not None,
        "version": plan.published.version if plan else None,
        "before": plan.before.version if plan else None,
        "changes": [change._asdict() for change in plan.changes] if plan else [],
        "faults": [],
    }
    report(result, _said(plan, apply=apply), as_json=as_json)


@policy.command()
@click.argument("name")
@click.option("--apply", is_flag=True, help="Withdraw it; without it nothing is written (dry run).")
@data_option
@json_option
def withdraw(name: str, data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Withdraw the policy NAME: from now on the next less specific one holds where it held."""
    from haocha.domain import publishing

    async def work(pool: Any, install: Any, rules: Rulebook) -> tuple[str, str]:
        plan = publishing.withdrawal(rules, name, by=by(), at=datetime.now(UTC))
        others = msgspec.structs.replace(plan.published)
        after = rules._replace(policies=(*rules.policies, (rules.head + 1, others)))
        if apply:
            await publish(pool, install, plan)
        return plan.before.version, after.policy_at(after.head, plan.before.area, plan.before.dept).version

    before, after = with_rules(data, work)
    said = (
        f"{before} {'is withdrawn' if apply else 'would be withdrawn (--apply does it)'}; {after} holds in its place."
    )
    report({"applied": apply, "withdrawn": before, "inItsPlace": after}, said, as_json=as_json)


def source(file: str) -> str:
    """Return the text of a file, or of a preset where no such file is there."""
    from haocha import policies

    if Path(file).is_file():
        return Path(file).read_text(encoding="utf-8")
    if file in policies.TITLES:
        return policies.text(file)
    raise click.BadParameter(
        f"{file} is neither a file nor a preset ({', '.join(policies.TITLES)}).", param_hint="FILE"
    )


async def _shown(rules: Rulebook, which: str) -> tuple[str, dict[str, Any]]:
    from haocha import policies
    from haocha.domain import policy_document

    published = rules.named(which) or next((p for _, p in rules.policies if p.version == which), None)
    if published is None and which in policies.TITLES:
        text = policies.text(which)
        document = policy_document.check(policy_document.read(text))
        return text, {"preset": which, "policy": msgspec.to_builtins(document.policy)}
    if published is None:
        raise click.ClickException(f"There is no policy {which}; see: haocha policy list, haocha policy presets")
    text = policy_document.write(
        policy_document.of(published), f"{published.version}, {published.at:%Y-%m-%d %H:%M} UTC"
    )
    return text, msgspec.to_builtins(published)


def _row(position: int, published: PolicyPublished, in_force: set[str]) -> dict[str, Any]:
    members = {name: getattr(published, name) for name in ("version", "name", "area", "dept", "withdrawn", "at", "by")}
    return members | {"position": position, "inForce": published.version in in_force}


def _whom(row: dict[str, Any]) -> str:
    if row["withdrawn"]:
        return "withdrawn"
    said = [f"{word} {row[word]}" for word in ("area", "dept") if row[word]]
    return " and ".join(said) or "all"


def _said(plan: Any, *, apply: bool) -> str:
    if plan is None:
        return "Nothing to change: the same holds already."
    lines = [f"{change.path}: {change.before or '-'} → {change.after or '-'}" for change in plan.changes]
    published = {name: getattr(plan.published, name) for name in ("area", "dept", "withdrawn")}
    lines.append(
        f"{plan.published.version}, for {_whom(published)}: {len(plan.changes)} changes against {plan.before.version}."
    )
    lines.append("Published." if apply else "This was a dry run: import with --apply to publish it.")
    return "\n".join(lines)
