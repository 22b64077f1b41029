"""The house: who may import whom, and which names are public."""

import ast
from pathlib import Path

import mnemic

SOURCE = Path(mnemic.__file__).parent

LEVELS = {
    "errors": 0,
    "randomness": 1,
    "records": 1,
    "media": 1,
    "media_sound": 2,
    "protocols": 2,
    "functional": 2,
    "search": 3,
    "senses": 3,
    "store": 3,
    "datasets": 3,
    "plots": 3,
    "nn": 4,
    "hippocampus": 4,
    "neocortex": 5,
    "cues": 5,
    "cortex": 6,
    "concepts": 8,
    "folder": 7,
    "points": 7,
    "recollection": 8,
    "export": 8,
    "answers": 9,
    "collection": 10,
    "expecting": 11,
    "joint": 11,
    "keeping": 11,
    "inventory": 11,
    "lesions": 11,
    "meanings": 11,
    "thoughts": 11,
    "sleeping": 12,
    "memory": 13,
    "demo": 14,
    "reproduce": 14,
    "cli": 15,
}


def imports(file):
    """Parts of mnemic that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"mnemic.{alias.name}" for alias in node.names]
                if node.module == "mnemic"
                else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("mnemic."):
                yield name.split(".")[1]


def part_of(file):
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_a_part_imports_only_from_parts_below_it():
    wrong = []
    for file in sorted(SOURCE.rglob("*.py")):
        part = part_of(file)
        if part == "__init__":
            continue
        for other in imports(file):
            if other != part and LEVELS[other] >= LEVELS[part]:
                wrong.append(f"{file.relative_to(SOURCE)} imports {other}")
    assert wrong == []


def test_every_part_has_its_level():
    parts = {part_of(file) for file in SOURCE.rglob("*.py")} - {"__init__"}
    assert parts <= set(LEVELS)


def test_the_public_names_are_chosen():
    assert sorted(mnemic.__all__) == [
        "Concept",
        "Engram",
        "Forgotten",
        "Imagined",
        "Inferred",
        "KeepReport",
        "Memory",
        "MemoryConfig",
        "MnemicError",
        "Recall",
        "RunnerUp",
        "SleepReport",
        "SleepStep",
    ]


def test_every_error_is_also_a_builtin():
    from mnemic import errors

    family = [
        error
        for error in vars(errors).values()
        if isinstance(error, type)
        and not issubclass(error, Warning)
        and error is not errors.MnemicError
    ]
    assert len(family) > 10
    for error in family:
        assert issubclass(error, errors.MnemicError)
        assert any(
            base.__module__ == "builtins" and base not in (Exception, BaseException, object)
            for base in error.__mro__
        )


def test_nothing_is_unpickled_or_evaluated():
    banned = {"pickle", "eval", "exec", "marshal", "shelve", "joblib"}
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(node, "id", None) or getattr(node, "name", None)
            assert name not in banned, f"{file} uses {name}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert node.value.value is False
