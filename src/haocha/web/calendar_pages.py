"""`/admin/calendar`: the working days year by year, and publishing others after a look at what would change."""

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.domain import calendar_document
from haocha.domain.account import Account
from haocha.domain.documents import Faulty
from haocha.domain.workdays import CalendarPublished
from haocha.store.rulebook import national_calendar
from haocha.web import pages, people, publishing, rule_words, work
from haocha.web.context import Context
from haocha.web.problems import Fault, Problem, invalid
from haocha.web.rule_forms import ACTIVE, Sent, as_file, faults_of, guard, uploaded

HERE: Final = "/admin/calendar"


class Run(NamedTuple):
    """Days off one after the other, and the worked weekend days that were given for them."""

    first: date
    last: date
    days: int


@get(HERE, guards=[guard], include_in_schema=False)
async def calendar_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the days off and the make-up days, year by year, and the forms to change them."""
    return await _calendar_page(request)


async def _calendar_page(
    request: Request[Any, Any, Any], *, status: int = 200, faults: tuple[Fault, ...] = ()
) -> Response[str]:
    context: Context = request.app.state.context
    _, published = (await publishing.rules(context)).calendars[-1]
    return await work.work_page(
        request,
        "policies_calendar.html",
        active=ACTIVE,
        status=status,
        published=published,
        rule_words=rule_words,
        years=_years(published, context.now().year),
        longer=_longer(context, published),
        may_publish=publishing.may_publish(context, request.state.account),
        faults=faults,
        done=request.query_params.get("done", ""),
    )


@get(f"{HERE}/toml", guards=[guard], include_in_schema=False)
async def calendar_file(request: Request[Any, Any, Any]) -> Response[str]:
    """Send the calendar as the file that publishes it again."""
    _, published = (await publishing.rules(request.app.state.context)).calendars[-1]
    return as_file(f"{published.version}.toml", calendar_document.write(calendar_document.of(published)))


@post(f"{HERE}/review", guards=[guard], include_in_schema=False)
async def review_calendar(request: Request[Any, Any, Any]) -> Response[str]:
    """Show which days an uploaded calendar, or the package's further years, would change."""
    context: Context = request.app.state.context
    form = await request.form()
    people.check_form(request, str(form.get("csrf", "")))
    current = await publishing.rules(context)
    try:
        if form.get("extend"):
            document = _longer(context, current.calendars[-1][1]) or calendar_document.of(current.calendars[-1][1])
        else:
            document = publishing.calendar(_days_of(*await uploaded(form)))
        planned = publishing.calendar_plan(context, request.state.account, current, document)
    except Problem as problem:
        return await _calendar_page(request, status=problem.status, faults=faults_of(problem))
    if planned is None:
        return await _calendar_page(request, faults=(Fault("", "nothing_new", rule_words.REFUSALS["nothing_new"]),))
    return await work.work_page(
        request,
        "policies_calendar_confirm.html",
        active=ACTIVE,
        plan=planned,
        text=calendar_document.write(document),
        rule_words=rule_words,
    )


@post(HERE, guards=[guard], include_in_schema=False)
async def publish_calendar(request: Request[Any, Any, Any], data: URLEncodedBody[Sent]) -> Response[Any]:
    """Publish the calendar that was looked at."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    account: Account = request.state.account
    document = publishing.calendar(publishing.read(data.text.encode(), "text/toml"))
    planned = publishing.calendar_plan(context, account, await publishing.rules(context), document)
    if planned is not None:
        await publishing.publish(context, planned)
    done = urlencode({"done": planned.published.version if planned else ""})
    return Redirect(f"{HERE}?{done}", status_code=303, headers=pages.PERSONAL)


def _days_of(name: str, body: bytes) -> Any:
    """Read a calendar from TOML, or from a table of dates in CSV."""
    if not name.lower().endswith(".csv"):
        return publishing.read(body, "text/toml")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030", errors="replace")
    lines = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return calendar_document.from_rows(
            (number, {key or "": cell for key, cell in row.items() if cell})
            for number, row in enumerate(lines, start=2)
        )
    except Faulty as faulty:
        raise invalid(rule_words.faults(faulty)) from None


def _longer(context: Context, published: CalendarPublished) -> calendar_document.Document | None:
    """Return the calendar with the years that the installed package knows beyond it; None where it knows none."""
    known = calendar_document.of(published)
    longer = calendar_document.extended(known, calendar_document.of(national_calendar("", context.now())))
    return longer if longer != known else None


def _years(published: CalendarPublished, first: int) -> Iterator[tuple[int, list[Run], list[date]]]:
    """Return days off as runs, and the worked weekend days, year by year from the last year on."""
    for year in range(first - 1, published.known_until.year + 1):
        runs: list[Run] = []
        for day in (day for day in published.holidays if day.year == year):
            if runs and day - runs[-1].last == timedelta(days=1):
                runs[-1] = Run(runs[-1].first, day, runs[-1].days + 1)
            else:
                runs.append(Run(day, day, 1))
        yield year, runs, [day for day in published.make_up_days if day.year == year]


routes = [calendar_page, calendar_file, review_calendar, publish_calendar]
