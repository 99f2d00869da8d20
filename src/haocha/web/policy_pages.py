"""`/admin/policies`: the rules in words, and publishing others after a look at what would change."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from haocha import policies as presets
from haocha.domain import policy_document
from haocha.domain.policy import DEFAULT_NAME, in_order
from haocha.web import pages, people, publishing, rule_words, work
from haocha.web.context import Context
from haocha.web.policies import described, find
from haocha.web.problems import Fault, Problem
from haocha.web.rule_forms import ACTIVE, Sent, as_file, faults_of, guard, uploaded

HERE: Final = "/admin/policies"


@get(HERE, guards=[guard], include_in_schema=False)
async def list_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show which policies hold, all versions, and the forms for another one."""
    return await _list_page(request)


async def _list_page(
    request: Request[Any, Any, Any], *, status: int = 200, faults: tuple[Fault, ...] = ()
) -> Response[str]:
    context: Context = request.app.state.context
    current = await publishing.rules(context)
    rows = [(one, described(position, one, current)["inForce"]) for position, one in reversed(current.policies)]
    return await work.work_page(
        request,
        "policies.html",
        active=ACTIVE,
        status=status,
        rows=rows,
        presets=presets.TITLES,
        rule_words=rule_words,
        faults=faults,
        done=request.query_params.get("done", ""),
    )


@get(f"{HERE}/{{version:str}}", guards=[guard], include_in_schema=False)
async def version_page(request: Request[Any, Any, Any], version: FromPath[str]) -> Response[str]:
    """Show one version in words."""
    context: Context = request.app.state.context
    current = await publishing.rules(context)
    position, published = find(current, version)
    return await work.work_page(
        request,
        "policies_version.html",
        active=ACTIVE,
        published=published,
        stages=in_order(published.policy.stages),
        groups=rule_words.groups(published.policy),
        instead="" if published.name == DEFAULT_NAME else publishing.instead(current, published),
        in_force=described(position, published, current)["inForce"],
        rule_words=rule_words,
    )


@get(f"{HERE}/{{version:str}}/toml", guards=[guard], include_in_schema=False)
async def version_file(request: Request[Any, Any, Any], version: FromPath[str]) -> Response[str]:
    """Send one version, or a preset by its name, as the file that publishes it again."""
    if version in presets.TITLES:
        return as_file(f"{version}.toml", presets.text(version))
    _, published = find(await publishing.rules(request.app.state.context), version)
    return as_file(f"{version}.toml", policy_document.write(policy_document.of(published), version))


@post(f"{HERE}/review", guards=[guard], include_in_schema=False)
async def review(request: Request[Any, Any, Any]) -> Response[str]:
    """Show what publishing a preset or an uploaded file would change; nothing is published yet."""
    context: Context = request.app.state.context
    form = await request.form()
    people.check_form(request, str(form.get("csrf", "")))
    try:
        value = await _chosen(form)
        given = {name: str(form.get(name, "")).strip() for name in ("name", "area", "dept")}
        sent = publishing.order(value | {name: said for name, said in given.items() if said})
        planned = publishing.plan(context, request.state.account, await publishing.rules(context), sent)
    except Problem as problem:
        return await _list_page(request, status=problem.status, faults=faults_of(problem))
    if planned is None or sent.document is None:
        same = (Fault("", "nothing_new", rule_words.REFUSALS["nothing_new"]),)
        return await _list_page(request, faults=same)
    return await work.work_page(
        request,
        "policies_confirm.html",
        active=ACTIVE,
        plan=planned,
        differences=rule_words.differences(planned.before.policy, planned.published.policy),
        text=policy_document.write(sent.document),
        rule_words=rule_words,
    )


@post(HERE, guards=[guard], include_in_schema=False)
async def publish(request: Request[Any, Any, Any], data: URLEncodedBody[Sent]) -> Response[Any]:
    """Publish what was looked at."""
    return await _published(request, data.csrf, publishing.order(publishing.read(data.text.encode(), "text/toml")))


@post(f"{HERE}/withdraw", guards=[guard], include_in_schema=False)
async def withdraw(request: Request[Any, Any, Any], data: URLEncodedBody[Sent]) -> Response[Any]:
    """Withdraw a name."""
    return await _published(request, data.csrf, publishing.Order(None, data.name))


async def _published(request: Request[Any, Any, Any], csrf: str, sent: publishing.Order) -> Response[Any]:
    people.check_form(request, csrf)
    context: Context = request.app.state.context
    planned = publishing.plan(context, request.state.account, await publishing.rules(context), sent)
    if planned is not None:
        await publishing.publish(context, planned)
    done = urlencode({"done": planned.published.version if planned else ""})
    return Redirect(f"{HERE}?{done}", status_code=303, headers=pages.PERSONAL)


async def _chosen(form: Any) -> dict[str, Any]:
    """Return the document of the preset that was chosen, or else of the uploaded file."""
    if preset := str(form.get("preset", "")):
        return {"preset": preset}
    _, body = await uploaded(form)
    value: dict[str, Any] = publishing.read(body, "text/toml")
    return value


routes = [list_page, version_page, version_file, review, publish, withdraw]
