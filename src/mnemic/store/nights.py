"""What a sleep changes on disk, and who may sleep. Each is called within a transaction."""

import json
import sqlite3
from collections.abc import Mapping

from mnemic.protocols import Night
from mnemic.records import Schema
from mnemic.store.rows import schema_row


def write_night(db: sqlite3.Connection, night: Night) -> None:
    """Students, schemas and strengths in the place of the last ones."""
    for student in night.students:
        db.execute("DELETE FROM students WHERE sense = ?", [student.sense])
        db.execute(
            "INSERT INTO students VALUES (?, ?, ?, ?)",
            [student.version, student.sense, student.file, json.dumps(dict(student.report))],
        )
    put_schemas(db, night.schemas)
    db.executemany(
        "UPDATE engrams SET strength = ? WHERE id = ?",
        ([strength, id] for id, strength in night.strengths.items()),
    )
    if night.drop:
        points = [[id] for id in night.schemas]
        db.executemany("UPDATE points SET code = x'' WHERE id = ?", points)
        db.executemany("DELETE FROM originals WHERE point = ?", points)
    if night.config is not None:
        db.execute("UPDATE config SET json = ?", [json.dumps(dict(night.config))])
    db.execute("INSERT INTO revisions (engram, change) VALUES (0, 'slept')")


def put_schemas(db: sqlite3.Connection, schemas: Mapping[int, Schema]) -> None:
    """Schemas of points, in the place of those they had."""
    if not schemas:
        return  # none before the first sleep, and the shortest write is none
    db.executemany(
        "INSERT OR REPLACE INTO schemas (point, student, latent, residual, checksum)"
        " VALUES (?, ?, ?, ?, ?)",
        ([point, *schema_row(schema)] for point, schema in schemas.items()),
    )


def take_lease(db: sqlite3.Connection, holder: str, until: int, *, now: int) -> str | None:
    """Hold the right to sleep, unless somebody else does; then their name."""
    for other, theirs in db.execute("SELECT holder, until FROM lease").fetchall():
        if other != holder and theirs > now:
            return other
    db.execute("DELETE FROM lease")
    db.execute("INSERT INTO lease VALUES (?, ?)", [holder, until])
    return None
