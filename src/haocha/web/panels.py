"""The panels of the score board, each rendered on its own.

The page puts them together; the event stream sends those that changed.
"""

from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from haocha.domain.codes import LEVELS
from haocha.domain.workdays import SHANGHAI
from haocha.web import pages
from haocha.web.charts import percent
from haocha.web.figures import Board
from haocha.web.views import View

HEADINGS = {
    "headline": "总览",
    "trend": "每日走势",
    "levels": "五级分布",
    "windows": "窗口",
    "newest": "最新差评",
    "staff": "人员",
    "indicators": "差评点到的问题",
    "channels": "评价渠道",
    "tickets": "未办结工单",
    "openness": "公开的例外",
}
PATIENCE = timedelta(seconds=15)
"""How long the figures may be behind the log before the board says so."""
AROUND = ("warning", "freshness")
"""Parts outside the grid."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """One view of the board, ready to send: each part's HTML, a tag that changes with it, and all panels together."""

    position: int
    version: str
    grid: str
    parts: dict[str, str]
    tags: dict[str, str]
    summary: str

    def changes(self, known: dict[str, str]) -> dict[str, str]:
        """Give the parts that differ from the `known` tags; the whole grid where its panels are not the same ones."""
        around = {name: self.parts[name] for name in AROUND if known.get(name) != self.tags[name]}
        if known.keys() != self.tags.keys():
            return around | {"grid": self.grid}
        return {name: html for name, html in self.parts.items() if known[name] != self.tags[name]}


def panels(board: Board, view: View) -> list[tuple[str, str]]:
    """List the panels of a view by name and heading, in reading order; without ratings only those that still speak."""
    if not board.ever:
        return [("headline", HEADINGS["headline"])]
    if not board.total.n:
        names = ["headline", "trend", "tickets", "openness"]
    else:
        names = [name for name in HEADINGS if name != "staff" or view.full]
    return [(name, HEADINGS[name]) for name in names]


def summary(board: Board, view: View) -> str:
    """Say the state of the board in one sentence, for those who hear it."""
    total = board.total
    return f"{view.label}评价 {total.n:,} 份，好评率 {percent(total.positive_rate)}，差评 {total.negative:,} 份。"


def lagging(board: Board, now: datetime) -> str:
    """Say for how long the figures have not kept up with the log, '' while they do."""
    since = board.health.waiting_since
    late = now - since if since else timedelta()
    if late < PATIENCE:
        return ""
    return f"{late // timedelta(minutes=1)} 分钟" if late >= timedelta(minutes=1) else f"{PATIENCE.seconds} 秒"


def render_parts(board: Board, view: View, now: datetime) -> dict[str, str]:
    """Render every part of a view."""
    members = {
        "board": board,
        "view": view,
        "wall": view.wall,
        "today": now.astimezone(SHANGHAI).date(),
        "levels": LEVELS,
        "lagging": lagging(board, now),
        "now_text": f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
    }
    names = [*AROUND, *(name for name, _ in panels(board, view))]
    return {name: pages.render(f"parts/{name}.html", **members).strip() for name in names}


def rendered(board: Board, view: View, now: datetime) -> Rendered:
    """Render a view whole, with a tag per part: the stream sends a part when its tag is new to the viewer."""
    parts = render_parts(board, view, now)
    shown = panels(board, view)
    grid = pages.render("grid.html", panels=shown, parts=parts)
    tags = {name: _tag(html) for name, html in parts.items()}
    return Rendered(
        position=board.health.position,
        version=_tag("".join(tags.values())),
        grid=grid,
        parts=parts,
        tags=tags,
        summary=summary(board, view),
    )


def _tag(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
