"""What the pages of rules share: the file that comes with a form, the file that goes out, what was wrong."""

from typing import Any, Final

import msgspec
from litestar import Response
from litestar.datastructures import UploadFile

from haocha.web import pages
from haocha.web.people import requires_account
from haocha.web.problems import Fault, Problem, invalid

ACTIVE: Final = "/admin/accounts"
"""The way of the navigation that these pages belong to."""

guard = requires_account("admin", page=True)


class Sent(msgspec.Struct, frozen=True):
    """What a confirmation sends: the document that was looked at, or the name to withdraw."""

    csrf: str = ""
    text: str = ""
    name: str = ""


async def uploaded(form: Any) -> tuple[str, bytes]:
    """Return name and content of the file that came with a form."""
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise invalid([Fault("", "missing", "请选择一个文件。")])
    return file.filename, await file.read()


def faults_of(problem: Problem) -> tuple[Fault, ...]:
    """Return what a page lists: the problem's faults, or the problem as the only one."""
    return problem.faults or (Fault("", problem.code, problem.detail),)


def as_file(name: str, text: str) -> Response[str]:
    """Send TOML to be saved under a name."""
    headers = pages.PERSONAL | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="application/toml; charset=utf-8", headers=headers)
