"""One thin command per verb."""

import sys
import warnings
from typing import Any

import typer

from mnemic.cli import concepts, engrams, learned, results, whole
from mnemic.cli.terminal import BAD_INPUT, NO, STOPPED, STORE, USAGE, complain_of
from mnemic.errors import MnemicError, NeverSleptError, StoreError

__all__ = ["BAD_INPUT", "NO", "STOPPED", "STORE", "USAGE", "app", "run"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A memory for pictures, sounds and words: store once, recall from a fragment, know what"
    " was never seen; sleep, and know what they have in common.\n\n"
    "Exit codes: 0 yes or done, 1 no (never seen, faults found), 2 wrong usage,"
    " 3 input that cannot be used, 4 trouble with the memory on disk, 130 stopped by Ctrl-C.",
)
for verb in (
    engrams.remember,
    engrams.recall,
    engrams.surprise,
    engrams.show,
    engrams.forget,
    learned.sleep,
    learned.facts,
    learned.infer,
    learned.imagine,
    learned.keep,
    whole.backup,
    whole.export,
    whole.info,
    whole.check,
    whole.demo,
    results.reproduce,
):
    app.command()(verb)


app.add_typer(concepts.app, name="concepts")


def run() -> None:
    """Run a command; errors come out as sentences, with an exit code that means something."""
    warnings.showwarning = _say_warning
    try:
        app()
    except MnemicError as error:
        complain_of(f"mnemic: {error}")
        for note in getattr(error, "__notes__", ()):
            complain_of(note)
        if isinstance(error, NeverSleptError):
            complain_of("put the memory to sleep with `mnemic sleep`, then ask again")
        sys.exit(STORE if isinstance(error, StoreError) else BAD_INPUT)


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain_of(f"mnemic: {message}")
