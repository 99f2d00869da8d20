"""Progress bars of long commands, on standard error, so that standard output stays the report's."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Report = Callable[[int, int], None]  # done so far, all there is


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str], AbstractContextManager[Report]]]:
    """Show a bar for each part that is entered by its title; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        @contextlib.contextmanager
        def step(title: str) -> Iterator[Report]:
            task = progress.add_task(title, total=None)

            def report(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            yield report
            total = progress.tasks[task].total or 1
            progress.update(task, completed=total, total=total)

        yield step
