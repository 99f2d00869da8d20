"""`haocha policy replay`: what the on-time rates would have been under another policy."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

DAY = click.DateTime(["%Y-%m-%d"])
NOTE = "Counted are visits of a stage that ended or are overdue by now; people did what they did, only limits differ."
REPLAYING = """\b
haocha policy replay --policy shanghai --since 2026-01-01
haocha policy replay --policy jinan.toml --area 3701 --json
"""


@click.command(epilog=REPLAYING)
@click.option("--policy", "which", required=True, metavar="FILE|PRESET|VERSION", help="The policy to try.")
@click.option("--since", type=DAY, help="Only tickets opened on this day or later.")
@click.option("--until", type=DAY, help="Only tickets opened on this day or earlier.")
@click.option("--area", help="Only tickets of areas whose code begins so.")
@data_option
@json_option
def replay(
    which: str, since: datetime | None, until: datetime | None, area: str | None, data: Path | None, *, as_json: bool
) -> None:
    """Reckon from the log what the on-time rates would have been under another policy, beside what they were.

    Nothing is written. Deadlines are reckoned with the latest calendar, and extensions count where the other policy
    grants them.
    """
    from haocha.store.replay import Chosen

    chosen = Chosen(since.date() if since else None, until.date() if until else None, area)
    result = in_instance(data, lambda instance: _replay(instance, which, chosen))
    report(result, _table(result), as_json=as_json)


async def _replay(instance: Instance, which: str, chosen: Any) -> dict[str, Any]:
    from haocha.commands.progress import bars
    from haocha.domain.policy_replay import STAGES, Rate
    from haocha.store import replay as store
    from haocha.store import rulebook
    from haocha.store.db import open_pool

    now = datetime.now(UTC)
    async with await open_pool(instance.dsn, size=2) as pool:
        _, rules = await rulebook.begun(pool, now)
        terms = rules.at(rules.head)._replace(policy=_policy(rules, which))
        with bars() as step, step("tickets") as progress:
            tickets, rates = await store.replay(pool, terms, chosen, now, progress)
    stages = [{"stage": stage} | _members(rates.get(stage, Rate())) for stage in STAGES]
    return {"policy": which, "tickets": tickets, "stages": stages}


def _policy(rules: Any, which: str) -> Any:
    from haocha.commands.policy import source
    from haocha.domain import policy_document
    from haocha.domain.documents import Faulty

    if any(published.version == which for _, published in rules.policies):
        return rules.policy(which).policy
    try:
        return policy_document.check(policy_document.read(source(which))).policy
    except Faulty as faulty:
        raise click.ClickException(str(faulty)) from None


def _members(rate: Any) -> dict[str, Any]:
    return {
        "due": rate.due,
        "onTime": rate.on_time,
        "rate": _share(rate.on_time, rate.due),
        "wouldBeDue": rate.would_be_due,
        "wouldBeOnTime": rate.would_be_on_time,
        "wouldBeRate": _share(rate.would_be_on_time, rate.would_be_due),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _table(result: dict[str, Any]) -> str:
    lines = [f"{'stage':<14}{'as it was':>24}{'under ' + Path(result['policy']).name:>30}"]
    for row in result["stages"]:
        was, would = _percent(row["onTime"], row["due"]), _percent(row["wouldBeOnTime"], row["wouldBeDue"])
        lines.append(f"{row['stage']:<14}{was:>24}{would:>30}")
    return "\n".join([*lines, f"{result['tickets']} tickets. {NOTE}"])


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part}/{whole})" if whole else "-"
