"""Charts as SVG made on the server: shapes in per cent of the picture, so that text keeps its size on every screen.

Colours and strokes are classes of the style sheet (a strict CSP allows no inline style, and light, dark and print need
their own). Each picture has a name for screen readers; the template puts a table with the same numbers beside it.
"""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import groupby

from markupsafe import Markup

from haocha.web.figures import Day, Tally

RATE_TOP, RATE_BOTTOM = 7.0, 48.0
VOLUME_TOP, VOLUME_BOTTOM = 63.0, 91.0


def percent(rate: float | None, places: int = 1) -> str:
    """Print a fraction as per cent; a dash where there is none; never 100 % or 0 % by rounding alone."""
    if rate is None:
        return "—"
    step = 10.0**-places
    value = round(rate * 100, places)
    if 0 < rate < 1:
        value = min(max(value, step), 100 - step)
    return f"{value:.{places}f}%"


def bar(share: float, kind: str = "plain") -> Markup:
    """Draw one horizontal bar; decoration beside a printed number, so hidden from screen readers."""
    width = max(0.0, min(1.0, share)) * 100
    return Markup(
        '<svg class="bar" width="100%" height="8" aria-hidden="true" focusable="false">'
        '<rect class="track" width="100%" height="8" rx="1"/>'
        '<rect class="fill {}" width="{:.2f}%" height="8" rx="1"/></svg>'
    ).format(kind, width)


def level_strip(tally: Tally) -> Markup:
    """Draw the five levels as one strip, best first; a level that anybody chose is never invisible."""
    parts, x = [], 0.0
    shown = [(level, name, n, max(n / tally.n, 0.004) if n else 0.0) for level, name, n in tally.levels() if tally.n]
    whole = sum(share for *_, share in shown) or 1.0
    for level, name, n, share in shown:
        width = share / whole * 100
        if width:
            parts.append(
                Markup(
                    '<rect class="level-{}" x="{:.3f}%" width="{:.3f}%" height="100%"><title>{}：{:,} 份</title></rect>'
                ).format(level, x, width, name, n)
            )
        x += width
    label = "，".join(f"{name} {n:,}" for _, name, n in tally.levels())
    return Markup(
        '<svg class="strip" width="100%" height="28" role="img" aria-label="五级分布：{}">'
        '<rect class="track" width="100%" height="100%"/>{}</svg>'
    ).format(label, Markup().join(parts))


def whisker(tally: Tally, floor: float) -> Markup:
    """Draw the positive rate as a dot on its 95 % interval, on a scale from `floor` to 1 that all rows share."""
    interval, rate = tally.interval, tally.positive_rate
    if interval is None or rate is None:
        return Markup()

    def x(value: float) -> float:
        return 2 + 96 * max(0.0, value - floor) / (1 - floor)

    low, high = interval
    return Markup(
        '<svg class="whisker" width="100%" height="16" role="img" aria-label="95% 区间 {} 至 {}">'
        '<line class="axis" x1="2%" x2="98%" y1="8" y2="8"/>'
        '<line class="span" x1="{:.2f}%" x2="{:.2f}%" y1="8" y2="8"/>'
        '<circle class="dot" cx="{:.2f}%" cy="8" r="4"/></svg>'
    ).format(percent(low), percent(high), x(low), x(high), x(rate))


def say_day(day: Day) -> str:
    """Tell one day of the trend in words, with every number the picture shows."""
    tally = day.tally
    head = f"{day.day.month}月{day.day.day}日"
    if tally.interval is None:
        return f"{head}：没有评价"
    low, high = tally.interval
    return (
        f"{head}：评价 {tally.n:,} 份，好评率 {percent(tally.positive_rate)}"
        f"（95% 区间 {percent(low)} 至 {percent(high)}），差评 {tally.negative:,} 份"
    )


def trend(days: Sequence[Day], today: date) -> Markup:
    """Draw the positive rate with its interval above the volume of each day.

    The rate's scale is cut off below (and says so at its lines); the volume's starts at nought.
    """
    lowest = min((rate for d in days if (rate := d.tally.positive_rate) is not None), default=1.0)
    floor = max(0.0, min(0.9, int(lowest * 20 - 0.5) / 20))  # below every rate; an interval may reach under it
    peak = max((d.tally.n for d in days), default=0)
    top = nice(peak)
    step = 100 / max(1, len(days))

    def y_rate(rate: float) -> float:
        return RATE_BOTTOM - (RATE_BOTTOM - RATE_TOP) * max(0.0, rate - floor) / (1 - floor)

    def y_volume(n: int) -> float:
        return VOLUME_BOTTOM - (VOLUME_BOTTOM - VOLUME_TOP) * n / top

    scale = [(y_rate(rate), f"{rate * 100:g}%") for rate in (1.0, (1 + floor) / 2, floor)]
    scale += [(y_volume(top), f"{top:,} 份"), (VOLUME_BOTTOM, "")]
    lines = [Markup('<line class="grid" x1="0" x2="100%" y1="{0:.2f}%" y2="{0:.2f}%"/>').format(y) for y, _ in scale]
    labels = [Markup('<text class="scale" x="0" y="{:.2f}%" dy="-4">{}</text>').format(y, text) for y, text in scale]
    band, path = _curves(days, step, y_rate)
    columns = [_column(d, i, step, y_rate, y_volume, today=d.day == today) for i, d in enumerate(days)]
    every = max(1, -(-len(days) // 6))
    ticks = [
        Markup('<text class="tick" x="{:.2f}%" y="99%" text-anchor="{}">{}</text>').format(
            *((100, "end") if i == len(days) - 1 else ((i + 0.5) * step, "middle")), f"{d.day.month}/{d.day.day}"
        )
        for i, d in enumerate(days)
        if (len(days) - 1 - i) % every == 0
    ]
    said = f"{len(days)} 天走势，{say_day(days[-1])}" if days else "没有数据"
    return Markup(
        '<svg class="trend" width="100%" height="100%" role="img" tabindex="0" data-chart=""'
        ' aria-label="{}。左右方向键逐日查看">'
        '{}<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" aria-hidden="true">'
        '<path class="band" d="{}"/><path class="rate" d="{}" vector-effect="non-scaling-stroke"/></svg>{}{}</svg>'
    ).format(said, Markup().join(lines), band, path, Markup().join(columns), Markup().join(labels + ticks))


def nice(peak: int) -> int:
    """Round up to 1, 2 or 5 times a power of ten (at least 10), where an axis may end."""
    power = 10
    while True:
        for factor in (1, 2, 5):
            if peak <= factor * power:
                return factor * power
        power *= 10


def _curves(days: Sequence[Day], step: float, y: Callable[[float], float]) -> tuple[str, str]:
    """Give the paths of the interval's band and of the rate; days without ratings interrupt both."""
    band, line = [], []
    for has_data, run in groupby(enumerate(days), key=lambda item: item[1].tally.n > 0):
        if not has_data:
            continue
        tops, bottoms, middles = [], [], []
        for i, day in run:
            x, tally = (i + 0.5) * step, day.tally
            low, high = tally.interval or (0.0, 1.0)
            tops.append(f"{x:.2f} {y(high):.2f}")
            bottoms.append(f"{x:.2f} {y(low):.2f}")
            middles.append(f"{x:.2f} {y(tally.positive_rate or 0.0):.2f}")
        band.append(f"M{' L'.join(tops + bottoms[::-1])}Z")
        line.append(f"M{' L'.join(middles)}")
    return " ".join(band), " ".join(line)


def _column(
    day: Day, i: int, step: float, y_rate: Callable[[float], float], y_volume: Callable[[int], float], *, today: bool
) -> Markup:
    """Draw one day: its volume with the 差评 at the foot, its dot, and the area that answers to the pointer."""
    tally, x = day.tally, i * step
    top, foot = y_volume(tally.n), y_volume(tally.negative)
    rate = tally.positive_rate
    dot = (
        Markup('<circle class="dot" cx="{:.2f}%" cy="{:.2f}%" r="3"/>').format(x + step / 2, y_rate(rate))
        if rate is not None
        else Markup()
    )
    return Markup(
        '<g class="day{0}" data-say="{1}"><title>{1}</title>'
        '<rect class="hit" x="{2:.3f}%" y="0" width="{3:.3f}%" height="100%"/>'
        '<rect class="good" x="{4:.3f}%" y="{5:.3f}%" width="{6:.3f}%" height="{7:.3f}%"/>'
        '<rect class="bad" x="{4:.3f}%" y="{8:.3f}%" width="{6:.3f}%" height="{9:.3f}%"/>{10}</g>'
    ).format(
        " today" if today else "", say_day(day), x, step, x + step * 0.18, top, step * 0.64,
        max(0.0, foot - top), foot, VOLUME_BOTTOM - foot, dot,
    )  # fmt: skip
