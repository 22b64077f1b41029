"""How long it takes to bind an experience, to follow links, and whether changes are taken back."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.fresh import in_fresh_process
from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from benchmarks.statistics import times
from mnemic.concepts import Association
from mnemic.concepts.changes import Changes
from mnemic.cues import Part
from mnemic.errors import ConfigError
from mnemic.hippocampus import EpisodicMemory
from mnemic.points import Points
from mnemic.protocols import Stored
from mnemic.records import Experience
from mnemic.senses import Vector
from mnemic.store import SqliteStore

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SENSES = {"face": 784, "voice": 128, "touch": 64}
SPREAD = 0.05  # of what is seen of one thing, where things spread by .29
AT_ONCE = 256
SMALLER, LARGER = "bind, in the smaller memory", "bind, in the larger memory"
TABLES = ("concepts", "names", "links", "parents", "ties")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    smaller: int = 2000
    larger: int = 10_000
    things: int = 60
    binds: int = 200
    points: int = 1_000_000
    concepts: int = 100_000
    questions: int = 2000
    changes: int = 1000
    seed: int = 0


def measure(scale: Scale) -> Numbers:
    """Each in a fresh process."""
    return in_fresh_process("concepts", "timed", **asdict(scale))


def timed(
    *,
    smaller: int,
    larger: int,
    things: int,
    binds: int,
    points: int,
    concepts: int,
    questions: int,
    changes: int,
    seed: int,
) -> Numbers:
    """All three."""
    numbers: Numbers = {
        SMALLER: binding(smaller, things, binds, seed),
        LARGER: binding(larger, things, binds, seed),
    }
    numbers |= asking(points, concepts, questions, seed)
    return numbers | {"changes taken back": changing(changes, seed)}


class Named(Vector):
    """A sense of numbers of a name of its own, which is its modality too."""

    def __init__(self, name: str, dim: int) -> None:
        super().__init__(dim)
        self._name = name

    @property
    def name(self) -> str:
        """What the sense is called."""
        return self._name

    @property
    def modality(self) -> str:
        """Of its own: every sense is a key."""
        return self._name


class World:
    """Experiences of three parts each, of a few things, and the memory that binds them."""

    def __init__(self, folder: Path, things: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.store = SqliteStore(folder / "memory.sqlite", create={})
        self.senses = [Named(name, dim) for name, dim in SENSES.items()]
        self.kinds = {name: self.rng.random((things, dim)) for name, dim in SENSES.items()}
        self.places = {
            sense.name: Points(sense, EpisodicMemory(SENSES[sense.name], seed=seed))
            for sense in self.senses
        }
        self.association = Association(self.store, self.places, seed=seed)
        self.true: dict[int, int] = {}

    def met(self, row: int) -> tuple[list[Part], int]:
        """Something of one thing in each sense, encoded."""
        thing = int(self.rng.integers(len(self.kinds["face"])))
        parts = []
        for sense in self.senses:
            mean = self.kinds[sense.name][thing]
            seen = mean + SPREAD * self.rng.standard_normal(len(mean))
            parts.append(Part(row, sense.name, sense.encode(seen.astype(np.float32))))
        return parts, thing

    def bind(self, count: int) -> tuple[float, float]:
        """Store and bind so many at once; seconds by the clock, and of the processor."""
        met = [self.met(row) for row in range(count)]
        parts = [mine for mine, _ in met]
        experiences = [
            Experience(time=NOW, points=tuple(part.encoded.point for part in mine))
            for mine in parts
        ]
        clock, worked = time.perf_counter(), time.process_time()
        added = self.store.add(experiences, self.association.binding(parts, experiences))
        taken = time.perf_counter() - clock, time.process_time() - worked
        for stored, (mine, thing) in zip(added, met, strict=True):
            self._take_up(stored, mine, thing)
        return taken

    def _take_up(self, stored: Stored, parts: Sequence[Part], thing: int) -> None:
        for kept, part in zip(stored.points, parts, strict=True):
            self.places[part.sense].add([kept], [part.encoded])
            self.true[kept.id] = thing


def binding(stored: int, things: int, binds: int, seed: int) -> Numbers:
    """Milliseconds of one experience at a time, with so many stored before."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder), things, seed)
        with closing(world.store):
            while len(world.store) < stored:
                world.bind(min(AT_ONCE, stored - len(world.store)))
            taken = [world.bind(1) for _ in range(binds)]
            found = world.store.graph.roots_of_points(world.true)
    pairs = {(found[point], thing) for point, thing in world.true.items()}
    if len(pairs) != len({thing for _, thing in pairs}) or len(pairs) != len(set(found.values())):
        raise WrongAnswerError(f"{len(pairs)} pairs of a concept and a thing are not one to one")
    return {
        "wall": times([wall for wall, _ in taken]),
        "processor": times([processor for _, processor in taken]),
    }


def asking(points: int, concepts: int, questions: int, seed: int) -> Numbers:
    """Milliseconds to ask a large graph for the links of a concept, and for what it is a kind of.

    Concept i is below i // 4, so that they are some nine deep; points are linked to concepts at
    random, the first of which has all the rest.
    """
    with TemporaryDirectory() as folder, closing(large(Path(folder), points, concepts)) as store:
        graph, rng = store.graph, random.Random(seed)
        asked = [rng.randint(1, concepts) for _ in range(questions)]
        for concept in asked[:20]:
            ways = [node.id for node, _ in graph.above(concept)]
            if ways != (way := [concept >> 2 * step for step in range(len(ways))]) or way[-1] > 3:
                raise WrongAnswerError(f"concept {concept} is not below {ways}")
            if {link.point for link in graph.links(concept)} != set(
                range(concept, points + 1, concepts)
            ):
                raise WrongAnswerError(f"concept {concept} has other links than it was given")
        return {
            "links of a concept": _each(graph.links, asked),
            "its way up the tree": _each(graph.above, asked),
            "a concept by its name": _each(lambda one: graph.named(f"concept {one}"), asked),
            "the concept of a point": _each(lambda one: graph.roots_of_points([one]), asked),
        }


def large(folder: Path, points: int, concepts: int) -> SqliteStore:
    """A graph of that size, written in bulk: point p is linked to concept p mod ``concepts``."""
    store = SqliteStore(folder / "memory.sqlite", create={})
    count = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    with store.changing():
        run = store.graph.run
        run(
            f"{count} INSERT INTO engrams (id, time, document, checksum, strength)"
            " SELECT i, i, '{}', 0, 1.0 FROM n",
            [points],
        )
        run(
            "INSERT INTO points (id, engram, sense, code) SELECT id, id, 'face', x'00' FROM engrams"
        )
        run(
            f"{count} INSERT INTO concepts (id, root, label, made_by, document)"
            " SELECT i, i, 'concept ' || i, 'label', '{}' FROM n",
            [concepts],
        )
        run("INSERT INTO names SELECT label, id FROM concepts")
        run(
            "INSERT INTO links SELECT 1 + (id - 1) % ?, id, id, 0.5, 'locality' FROM points",
            [concepts],
        )
        run("INSERT INTO parents SELECT id, id / 4, 'thesaurus' FROM concepts WHERE id >= 4")
    return store


def _each(ask: Callable[[int], object], asked: Sequence[int]) -> Numbers:
    wall: list[float] = []
    processor: list[float] = []
    for one in asked:
        clock, worked = time.perf_counter(), time.process_time()
        ask(one)
        processor.append(time.process_time() - worked)
        wall.append(time.perf_counter() - clock)
    return {"wall": times(wall), "processor": times(processor)}


def changing(count: int, seed: int) -> Numbers:
    """Change concepts at random, take all of it back, newest first, and compare every byte."""
    rng = random.Random(seed)
    with TemporaryDirectory() as folder, closing(large(Path(folder), 600, 60)) as store:
        changes, before = Changes(store), _bytes(store)
        done = refused = 0
        while done < count:
            try:
                _change(changes, rng, done)
                done += 1
            except ConfigError:  # above itself, one already, and the like
                refused += 1
        changed = _bytes(store) != before
        for _ in range(count):
            changes.undo(None)
        return {
            "made": done,
            "refused": refused,
            "the graph was another meanwhile": float(changed),
            "the graph is the same, byte by byte": float(_bytes(store) == before),
        }


def _change(changes: Changes, rng: random.Random, number: int) -> None:
    roots = [node.id for node in changes.rows.roots()]
    one, other = rng.sample(roots, 2)
    what = rng.choice(["add", "merge", "split", "rename", "place"])
    if what == "add":
        changes.add(f"added {number}", now=NOW)
    elif what == "merge":
        changes.merge(one, other, now=NOW)
    elif what == "rename":
        changes.rename(one, f"renamed {number}", now=NOW)
    elif what == "place":
        changes.place(one, rng.sample(roots, rng.randint(0, 2)), now=NOW)
    else:
        links = [link.point for link in changes.rows.links(one) if link.point is not None]
        some = rng.sample(links, rng.randint(0, len(links)))
        changes.split(one, some, label=f"split {number}", now=NOW)


def _bytes(store: SqliteStore) -> bytes:
    """Every row of the graph."""
    rows = {table: store.graph.run(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}
    return repr(rows).encode()


def _bind_must(name: str, stored: int) -> Must:
    return Must(
        claim=f"bind one experience of three parts with {stored:,} stored, durable, p50",
        number=(name, "wall", "p50 ms"),
        at_most=5.0,
        unit="ms",
        source="requirement; aim 1",
        beside={
            "p95": (name, "wall", "p95 ms"),
            "of the processor, p50": (name, "processor", "p50 ms"),
        },
    )


def _asking_must(what: str) -> Must:
    return Must(
        claim=f"{what}, among a million points and 100,000 concepts, p50",
        number=(what, "wall", "p50 ms"),
        at_most=1.0,
        unit="ms",
        source="requirement",
        beside={"p95": (what, "wall", "p95 ms")},
    )


FULL = Scale()

MEASUREMENT = Measurement(
    name="concepts",
    claim="An experience is bound within milliseconds however much is stored, a large graph answers"
    " at once, and whatever was changed in it can be taken back.",
    musts=(
        _bind_must(SMALLER, FULL.smaller),
        _bind_must(LARGER, FULL.larger),
        _asking_must("links of a concept"),
        _asking_must("its way up the tree"),
        Must(
            claim="1,000 changes at random, all taken back: the graph is as it was, byte by byte",
            number=("changes taken back", "the graph is the same, byte by byte"),
            at_least=1.0,
            source="requirement",
            beside={"refused on the way": ("changes taken back", "refused")},
        ),
    ),
    measure=measure,
    full=FULL,
    quick=Scale(
        smaller=120,
        larger=200,
        things=5,
        binds=3,
        points=200,
        concepts=20,
        questions=20,
        changes=10,
    ),
)
