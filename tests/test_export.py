"""An export is the whole memory, readable with ordinary tools."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnemic.errors import ConfigError


def test_an_export_holds_everything_and_needs_no_mnemic_to_read(memory, clothes, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(clothes[1][:20]).save(photo)
    memory.remember(image=clothes[0], text="first", label="boot", metadata={"a": [1]})
    memory.remember(image=photo, vector=np.arange(5.0))
    memory.export(tmp_path / "out")
    engrams = pq.read_table(tmp_path / "out" / "engrams.parquet").to_pylist()
    points = pq.read_table(tmp_path / "out" / "points.parquet").to_pylist()
    assert [row["label"] for row in engrams] == ["boot", None]
    assert (engrams[0]["text"], json.loads(engrams[0]["metadata"])) == (["first"], {"a": [1]})
    assert engrams[0]["time"] == memory[1].time
    assert [(row["engram"], row["sense"]) for row in points] == [
        (1, "pixels"),
        (2, "pixels"),
        (2, "vector"),
    ]
    pixels = np.rint(np.array(points[0]["features"]) * 255).reshape(28, 28)
    assert np.array_equal(pixels, clothes[0])
    assert points[0]["known"] is None
    assert sum(points[1]["known"]) == 28 * 20  # what was padded is unknown
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "out" / points[0]["original"])), clothes[0]
    )
    assert (tmp_path / "out" / points[1]["original"]).read_bytes() == photo.read_bytes()
    assert np.array_equal(np.load(tmp_path / "out" / points[2]["original"]), np.arange(5.0))


def test_an_export_never_overwrites(memory, tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    with pytest.raises(ConfigError, match="not an empty folder"):
        memory.export(tmp_path)
