"""Concepts from the command line: show and draw the tree, find, merge, split, rename, undo."""

from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import UInt8
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from mnemic import plots
from mnemic.cli.terminal import (
    DEFAULT,
    Json,
    MemoryPath,
    done,
    existing,
    print_json,
    say,
    say_it,
    say_table,
    waiting,
)
from mnemic.concepts.scheme import SURE
from mnemic.errors import ConfigError
from mnemic.memory import Memory
from mnemic.records import Branch, Concept

app = typer.Typer(no_args_is_help=True, help="What pictures, words and sounds have in common.")

Which = Annotated[str, typer.Argument(help="A concept: its id, or any of its names.")]


@app.command()
def tree(
    concept: Annotated[str | None, typer.Argument(help="Only this one and all below it.")] = None,
    memory: MemoryPath = DEFAULT,
    out: Annotated[
        Path | None, typer.Option(help="Draw it here, with pictures (PNG or SVG).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show concepts, what they are kinds of, and how much is tied to each."""
    with existing(memory) as opened:
        branches = opened.concepts.tree(None if concept is None else _named(concept))
        count = len(opened.concepts)
        if out is not None:
            _draw(opened, branches, out)
    if as_json:
        print_json({"count": count, "tree": [_branch_json(branch) for branch in branches]})
        return
    for branch in branches:
        say.print(_drawn(branch), soft_wrap=True)
    say_it(f"{count} concepts in {memory}")


@app.command()
def find(concept: Which, memory: MemoryPath = DEFAULT, as_json: Json = False) -> None:
    """Say what is tied to a concept, what it is a kind of, and what it goes with."""
    with existing(memory) as opened:
        found = opened.concepts.find(_named(concept))
        above = opened.concepts.above(found)
        near = opened.concepts.neighbours(found)
        links = opened.concepts.links(found, limit=20)
    if as_json:
        print_json(
            {
                **_concept_json(found),
                "above": [_concept_json(one) for one in above],
                "neighbours": [
                    {**_concept_json(one.concept), "weight": one.weight} for one in near
                ],
                "strongest": [link._asdict() for link in links],
            }
        )
        return
    say_it(f"{_called(found)}: {_tied(found) or 'nothing is tied to it'}")
    if found.names:
        say_it(f"names: {', '.join(found.names)}")
    if above:
        say_it(f"a kind of: {', '.join(_called(one) for one in above)}")
    if near:
        context = ", ".join(f"{_called(one.concept)} ({one.weight:.2f})" for one in near)
        say_it(f"goes with: {context}")
    table = Table("engram", "point", "sense", "weight", "made by", box=None)
    for link in links:
        point = "" if link.point is None else str(link.point)
        table.add_row(
            str(link.engram), point, link.sense or "words", f"{link.weight:.2f}", link.made_by
        )
    say_table(table)


@app.command()
def merge(
    into: Which,
    other: Annotated[str, typer.Argument(help="The one that becomes part of it.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Make two concepts one; the first keeps its label."""
    with existing(memory, read_only=False) as opened:
        _changed(opened, opened.concepts.merge(_named(into), _named(other)), as_json)


@app.command()
def split(
    concept: Which,
    points: Annotated[list[int], typer.Argument(help="Points to split off, as `find` has them.")],
    memory: MemoryPath = DEFAULT,
    label: Annotated[str | None, typer.Option(help="What the new concept is called.")] = None,
    as_json: Json = False,
) -> None:
    """Move points of a concept to a new one."""
    with existing(memory, read_only=False) as opened:
        _changed(opened, opened.concepts.split(_named(concept), points, label=label), as_json)


@app.command()
def rename(
    concept: Which,
    label: Annotated[str, typer.Argument(help="The new label.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Give a concept another label, or its first; the old one goes on leading to it."""
    with existing(memory, read_only=False) as opened:
        _changed(opened, opened.concepts.rename(_named(concept), label), as_json)


@app.command()
def place(
    concept: Which,
    under: Annotated[
        list[str] | None, typer.Option(help="What it is a kind of; none: top.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Make what is not there yet.")] = False,
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Place a concept below others, and no more below what it was below."""
    with existing(memory, read_only=False) as opened:
        for name in under or []:
            if new and isinstance(_named(name), str) and opened.concepts.known(name) is None:
                opened.concepts.add(name)
        parents = [_named(name) for name in under or []]
        _changed(opened, opened.concepts.place(_named(concept), parents), as_json)


@app.command()
def organise(memory: MemoryPath = DEFAULT, as_json: Json = False) -> None:
    """Order all concepts: labels by WordNet, others by how close they lie."""
    with existing(memory, read_only=False) as opened, waiting("ordering", quiet=as_json):
        report = opened.concepts.organise()
    note = "" if report.note is None else f"; {report.note}"
    sentence = (
        f"{report.bound} engrams bound, {report.by_thesaurus} labels placed,"
        f" {report.clusters} clusters{note}"
    )
    done(report._asdict(), sentence, as_json)


@app.command()
def spread(
    memory: MemoryPath = DEFAULT,
    sense: Annotated[str | None, typer.Option(help="Where nearness counts; else each.")] = None,
    as_json: Json = False,
) -> None:
    """Let names spread to what nobody has named, by nearness; each can be undone."""
    with existing(memory, read_only=False) as opened, waiting("spreading", quiet=as_json):
        count = opened.concepts.spread(sense)
    done({"named": count}, f"{count} concepts got a name", as_json)


@app.command()
def classify(
    memory: MemoryPath = DEFAULT,
    sure: Annotated[float, typer.Option(help="Least probability, more than 0.5.")] = SURE,
    always: Annotated[
        bool | None,
        typer.Option("--always/--not-always", help="From now on, do it to what is remembered."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Place what no label places below what a network trained on ImageNet takes it for."""
    with existing(memory, read_only=False) as opened:
        if always is not None:
            opened.concepts.choose(classes=always)
        with waiting("looking", quiet=as_json):
            placed = opened.concepts.classify(sure=sure) if always is not False else []
        always = opened.concepts.settings.classes
    if as_json:
        found = [
            {
                "concept": _concept_json(one.concept),
                "under": _concept_json(one.under),
                "probability": one.probability,
            }
            for one in placed
        ]
        print_json({"always": always, "placed": found})
        return
    for one in placed:
        say_it(f"{_called(one.concept)}: a kind of {_called(one.under)}, {one.probability:.0%}")
    say_it(f"{len(placed)} concepts placed; {'also' if always else 'not'} what is remembered next")


@app.command()
def events(memory: MemoryPath = DEFAULT, as_json: Json = False) -> None:
    """List what was done to concepts."""
    with existing(memory) as opened:
        every = opened.concepts.events()
    if as_json:
        print_json(
            [
                {
                    "id": one.id,
                    "time": one.time.isoformat(),
                    "kind": one.kind,
                    "concepts": list(one.concepts),
                    "undone": one.undone,
                }
                for one in every
            ]
        )
        return
    table = Table("event", "time", "what", "concepts", "", box=None)
    for one in every:
        which = ", ".join(map(str, one.concepts))
        undone = "undone" if one.undone else ""
        table.add_row(str(one.id), f"{one.time:%Y-%m-%d %H:%M}", one.kind, which, undone)
    say_table(table)


@app.command()
def undo(
    event: Annotated[int | None, typer.Argument(help="The last one, unless named.")] = None,
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Take back what was done to concepts."""
    with existing(memory, read_only=False) as opened:
        taken = opened.concepts.undo(event)
    done(
        {"event": taken.id, "kind": taken.kind}, f"undone: event {taken.id} ({taken.kind})", as_json
    )


def _named(word: str) -> int | str:
    """A number is an id, unless quoted twice: '"7"' is a name."""
    if word.isascii() and word.isdigit():
        return int(word)
    return word[1:-1] if len(word) > 2 and word[0] == word[-1] == '"' else word


def _changed(opened: Memory, concept: Concept, as_json: bool) -> None:
    event = opened.concepts.events()[-1].id
    sentence = f"{_called(concept)}: {_tied(concept) or 'nothing is tied to it'} (event {event})"
    done({**_concept_json(concept), "event": event}, sentence, as_json)


def _called(concept: Concept) -> str:
    return f"concept {concept.id}" if concept.label is None else f"{concept.label} ({concept.id})"


def _tied(concept: Concept) -> str:
    return ", ".join(f"{count} {sense}" for sense, count in concept.links.items())


def _drawn(branch: Branch, tree: Tree | None = None) -> Tree:
    tied = _tied(branch.concept)
    text = Text(_called(branch.concept)) + Text(f"  {tied}" if tied else "", style="dim")
    grown = Tree(text) if tree is None else tree.add(text)
    for below in branch.below:
        _drawn(below, grown)
    return grown


def _draw(opened: Memory, branches: list[Branch], out: Path) -> None:
    """Each concept by the most typical picture that is tied to it."""
    if out.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"{out} must end in .png or .svg")
    pictures: dict[int, UInt8[np.ndarray, "height width *channels"]] = {}
    ties: dict[tuple[int, int], float] = {}
    seeing = [use.name for use in opened.senses() if use.modality == "image"]
    for concept in _concepts(branches):
        seen = (opened.concepts.links(concept, sense=sense, limit=8) for sense in reversed(seeing))
        for link in chain.from_iterable(seen):
            picture = opened[link.engram].image
            if picture is not None:
                pictures[concept.id] = picture
                break
        for near in opened.concepts.neighbours(concept):
            pair = (min(concept.id, near.concept.id), max(concept.id, near.concept.id))
            ties[pair] = max(near.weight, ties.get(pair, 0.0))
    try:
        plots.save(plots.concept_graph(branches, pictures, ties), out)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from error


def _concepts(branches: list[Branch]) -> list[Concept]:
    found: dict[int, Concept] = {}
    waiting = list(branches)
    while waiting:
        branch = waiting.pop()
        found.setdefault(branch.concept.id, branch.concept)
        waiting += branch.below
    return list(found.values())


def _concept_json(concept: Concept) -> dict[str, Any]:
    return {
        "id": concept.id,
        "label": concept.label,
        "names": list(concept.names),
        "made_by": concept.made_by,
        "links": dict(concept.links),
        "parents": list(concept.parents),
        "children": list(concept.children),
        "document": dict(concept.document),
    }


def _branch_json(branch: Branch) -> dict[str, Any]:
    return {**_concept_json(branch.concept), "below": [_branch_json(one) for one in branch.below]}
