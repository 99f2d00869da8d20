"""`haocha calendar`: the working days, with the days off and the make-up days (调休) of each year."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, json_option, report
from haocha.commands.policy import by, publish, with_rules
from haocha.domain import calendar_document, policy_document, publishing
from haocha.domain.documents import Faulty
from haocha.domain.policy import Rulebook


@click.group()
def calendar() -> None:
    """Show, export, import and extend the calendar of working days.

    What is published is a new version; deadlines that rested on days nobody knew yet are reckoned anew.
    """


@calendar.command()
@click.option("--year", type=int, help="Only this year. [default: from this year on]")
@data_option
@json_option
def show(year: int | None, data: Path | None, *, as_json: bool) -> None:
    """Show the calendar that holds: until when it is known, days off, and worked weekend days."""

    async def work(_pool: Any, _install: Any, rules: Rulebook) -> Any:
        return rules.calendars[-1][1]

    published = with_rules(data, work)
    first, last = (year, year) if year else (datetime.now(UTC).year, date.max.year)
    holidays, make_up_days = (
        [day for day in days if first <= day.year <= last] for days in (published.holidays, published.make_up_days)
    )
    lines = [f"{published.version}, known until {published.known_until}, by {published.by or '-'}"]
    lines += [
        f"{day} {day:%a}  off 休" if day in holidays else f"{day} {day:%a}  worked 班"
        for day in sorted([*holidays, *make_up_days])
    ]
    result = {
        "version": published.version,
        "knownUntil": published.known_until,
        "holidays": holidays,
        "makeUpDays": make_up_days,
    }
    report(result, "\n".join(lines), as_json=as_json)


@calendar.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_option
@json_option
def export(file: Path, data: Path | None, *, as_json: bool) -> None:
    """Write the calendar to FILE: .toml, or a table (.csv, .xlsx) of dates that are 休 or 班, and 至: known until."""
    from haocha.registry import files

    async def work(_pool: Any, _install: Any, rules: Rulebook) -> calendar_document.Document:
        return calendar_document.of(rules.calendars[-1][1])

    document = with_rules(data, work)
    if file.suffix == ".toml":
        file.write_text(calendar_document.write(document), encoding="utf-8")
    else:
        try:
            files.write(file, calendar_document.COLUMNS, calendar_document.rows(document))
        except files.Unreadable as error:
            raise click.ClickException(str(error)) from None
    report({"file": str(file)}, f"The calendar is written to {file}.", as_json=as_json)


@calendar.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Publish it; without it the changes are only shown (dry run).")
@data_option
@json_option
def import_(file: Path, data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Import the calendar from FILE (.toml, .csv or .xlsx), as `export` writes it: all its days, not only new ones.

    Shows which days would change, or every fault; --apply publishes it as the next version.
    """
    from haocha.registry import files

    try:
        if file.suffix == ".toml":
            value = policy_document.read(file.read_text(encoding="utf-8"))
        else:
            value = calendar_document.from_rows(files.read(file).lines)
        document = calendar_document.check(value)
    except files.Unreadable as error:
        raise click.ClickException(str(error)) from None
    except Faulty as faulty:
        faults = [fault._asdict() for fault in faulty.faults]
        report({"applied": False, "faults": faults}, f"{faulty}\n{len(faults)} faults.", as_json=as_json)
        raise click.exceptions.Exit(1) from None
    _publish(data, lambda _: document, apply=apply, as_json=as_json)


@calendar.command()
@click.option("--apply", is_flag=True, help="Publish it; without it the changes are only shown (dry run).")
@data_option
@json_option
def extend(data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Add the years that the installed `chinesecalendar` knows beyond the calendar; what is known stays as it is.

    The State Council publishes next year's holidays in November; upgrade the package, or import a file by hand.
    """
    from haocha.store.rulebook import national_calendar

    national = calendar_document.of(national_calendar("", datetime.now(UTC)))
    _publish(data, lambda known: calendar_document.extended(known, national), apply=apply, as_json=as_json)


def _publish(data: Path | None, changed: Any, *, apply: bool, as_json: bool) -> None:
    async def work(pool: Any, install: Any, rules: Rulebook) -> publishing.CalendarPlan | None:
        document = changed(calendar_document.of(rules.calendars[-1][1]))
        try:
            plan = publishing.calendar(rules, document, by=by(), at=datetime.now(UTC))
        except publishing.NothingNew:
            return None
        if apply:
            await publish(pool, install, plan)
        return plan

    plan = with_rules(data, work)
    if plan is None:
        report({"applied": False, "version": None}, "Nothing to change: the calendar says the same.", as_json=as_json)
        return
    changes = plan.changes
    result = {
        "applied": apply,
        "version": plan.published.version,
        "before": plan.before.version,
        "knownUntil": plan.published.known_until,
        "holidays": {"added": changes.holidays[0], "removed": changes.holidays[1]},
        "makeUpDays": {"added": changes.make_up_days[0], "removed": changes.make_up_days[1]},
    }
    lines = [
        f"{sign} {day} {word}"
        for word, (added, removed) in (("off 休", changes.holidays), ("worked 班", changes.make_up_days))
        for sign, days in (("+", added), ("-", removed))
        for day in days
    ]
    lines.append(f"{plan.published.version}: known until {plan.published.known_until}, {len(lines)} days change.")
    lines.append("Published." if apply else "This was a dry run: --apply publishes it.")
    report(result, "\n".join(lines), as_json=as_json)
