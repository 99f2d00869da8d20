"""`make bench`: measure, print a table, write JSON."""

import asyncio
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import ingest, loop, parts, queues, reporting, volume

PARTS = ("single", "batches", "volume", "loop", "queues", "ciphers", "own", "outage", "backlog")
LIVES = 400
CIPHERED, REPORTED, A_DAY = 8_000, 60_000, 20_000
BACKLOG, BACKLOG_SECONDS = 500_000, 30.0
LISTED_SECONDS = 30.0
FEW_TICKETS, MANY_TICKETS = 2_000, 200_000


@click.command()
@click.option("--only", "chosen", multiple=True, type=click.Choice(PARTS), help="Measure only these parts.")
@click.option("--seconds", default=8.0, show_default=True, help="Length of one round of single ratings.")
@click.option("--batch-ratings", default=40_000, show_default=True, help="Ratings in one round of batches.")
@click.option("--small", default=200_000, show_default=True, help="The smaller volume.")
@click.option("--large", default=2_000_000, show_default=True, help="The larger volume.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def main(  # noqa: PLR0917 (one argument per option)
    chosen: tuple[str, ...], seconds: float, batch_ratings: int, small: int, large: int, file: Path | None
) -> None:
    """Measure haocha on this machine: every target is a ratio of two things timed in this same run.

    The whole takes about 15 minutes on two cores and 6 GB of disk; --large 400000 makes it short.
    """
    console = Console()
    figures = uvloop.run(_measure(chosen or PARTS, seconds, batch_ratings, small, large, console.print))
    table = Table("what", "measured", "target", title=f"{figures['machine']}")
    for row in rows(figures):
        table.add_row(*row)
    console.print(table)
    if file:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")


async def _measure(  # noqa: PLR0917
    chosen: tuple[str, ...], seconds: float, batch_ratings: int, small: int, large: int, say: Any
) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "machine": f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.machine()}"
    }
    for part in chosen:
        with tempfile.TemporaryDirectory(prefix="haocha-bench-") as folder:
            async with parts.opened(Path(folder) / "data") as bench:
                figures["postgresql"] = await bench.pool.fetchval("SHOW server_version")
                if part == "single":
                    figures[part] = await ingest.single(bench, seconds, say)
                elif part == "batches":
                    figures[part] = await ingest.batches(bench, batch_ratings, say)
                elif part == "loop":
                    figures[part] = await loop.measure(bench, LIVES, LISTED_SECONDS, say)
                elif part == "ciphers":
                    figures[part] = {
                        str(batch): await reporting.ciphers(bench, batch, CIPHERED, say) for batch in (1, 10)
                    }
                elif part == "own":
                    figures[part] = await reporting.own(bench, REPORTED, say)
                elif part == "outage":
                    figures[part] = await reporting.outage(bench, A_DAY, say)
                elif part == "backlog":
                    figures[part] = await reporting.backlog(bench, BACKLOG, BACKLOG_SECONDS, say)
                elif part == "queues":
                    figures[part] = await queues.measure(bench, FEW_TICKETS, MANY_TICKETS, say)
                else:
                    figures[part] = await volume.measure(bench, small, large, say)
        await asyncio.sleep(2)
    return figures


def rows(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the lines of the table for what was measured."""
    lines = []
    if one := figures.get("single"):
        lines += [
            ("single POST /v1/ratings ÷ empty handler", f"{one['ratio']:.2f}", "≥ 0.8"),
            ("  single, durable, per second (empty handler)", f"{one['rate']:,.0f} ({one['empty_rate']:,.0f})", ""),
            ("  latency p50 / p99", f"{one['p50_ms']:.1f} / {one['p99_ms']:.1f} ms", ""),
            (
                "acknowledged → visible in /v1/scores, p50 / p99",
                f"{one['lag_p50_s']:.2f} / {one['lag_p99_s']:.2f} s",
                "p99 ≤ 1 s",
            ),
        ]
    if many := figures.get("batches"):
        lines += [
            ("batches of 1,000 ÷ COPY of the same events", f"{many['ratio']:.2f}", "≥ 0.2"),
            ("  batched ratings per second (COPY)", f"{many['rate']:,.0f} ({many['copy_rate']:,.0f})", ""),
        ]
    if large := figures.get("volume"):
        rebuilt, disk = large["rebuild"], large["disk"]
        read_models = sum(size for name, size in disk.items() if name not in {"ratings", "log", "private"})
        lines += [
            ("rebuild of scores ÷ one GROUP BY", f"{rebuilt['ratio']:.2f}", "≥ 0.4"),
            ("  events per second (GROUP BY)", f"{rebuilt['rate']:,.0f} ({rebuilt['group_by_rate']:,.0f})", ""),
            ("score query p95, large ÷ small", f"{large['query_ratio']:.2f}", "≤ 1.5"),
            ("  p95 small / large", f"{large['query_p95_small_ms']:.1f} / {large['query_p95_large_ms']:.1f} ms", ""),
            ("resident memory of the web process", f"{large['web_resident_bytes'] / 2**20:,.0f} MB", "≤ 250 MB"),
            ("bytes per rating: log with indexes", f"{disk['log']:,.0f}", "≤ 1,400"),
            ("  personal data, read models", f"{disk['private']:,.0f}, {read_models:,.0f}", ""),
            ("  filled with the worker running, ratings per second", f"{large['fill_rate']:,.0f}", ""),
        ]
    if lived := figures.get("loop"):
        lines += [
            (
                "bad rating acknowledged → listed, p50 / p99, at 200 ratings/s",
                f"{lived['listed_p50_s']:.2f} / {lived['listed_p99_s']:.2f} s",
                "p99 ≤ 1 s",
            ),
            (
                "ticket command over HTTP, p50 / p95",
                f"{lived['command_p50_ms']:.1f} / {lived['command_p95_ms']:.1f} ms",
                "p95 ≤ 60 ms",
            ),
            ("whole lives of tickets over HTTP, per second", f"{lived['lives_per_second']:,.1f}", "≥ 40"),
        ]
    if pages := figures.get("queues"):
        lines += [
            ("queue page p95, 200,000 tickets ÷ 2,000", f"{pages['page_ratio']:.2f}", "≤ 1.5"),
            (
                "  p95 small / large",
                f"{pages['page_p95_small_ms']:.1f} / {pages['page_p95_large_ms']:.1f} ms",
                "≤ 150 ms",
            ),
            ("  tickets' events folded per second", f"{pages['fold_rate']:,.0f}", ""),
        ]
    return [*lines, *reporting_rows(figures)]


def reporting_rows(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the lines of what reports to a province."""
    lines = []
    for batch, one in figures.get("ciphers", {}).items():
        lines += [
            (f"Shandong type, {batch} a call, per core ÷ the same encryptions", f"{one['ratio']:.2f}", "≥ 0.7"),
            ("  items per core (bare)", f"{one['per_core']:,.0f} ({one['bare_per_core']:,.0f})", ""),
        ]
    if own := figures.get("own"):
        lines.append(("haocha type, ratings per second acknowledged", f"{own['per_second']:,.0f}", "≥ 3,000"))
    if outage := figures.get("outage"):
        lines.append(
            (f"Fujian type, {outage['items']:,} ratings after an outage", f"{outage['minutes']:.1f} min", "≤ 10 min")
        )
    if backlog := figures.get("backlog"):
        lines += [
            ("ingest p99 while 500,000 rows drain ÷ without", f"{backlog['ratio']:.2f}", "≤ 1.3"),
            ("  alone / draining", f"{backlog['p99_alone_ms']:.1f} / {backlog['p99_usual_ms']:.1f} ms", ""),
            (
                f"  draining flat out, at {backlog['flat_out_per_second']:,.0f} rows/s",
                f"{backlog['flat_out_ratio']:.2f} ({backlog['p99_flat_out_ms']:.1f} ms)",
                "",
            ),
        ]
    return lines


if __name__ == "__main__":
    main()
