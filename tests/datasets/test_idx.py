import gzip
import struct

import numpy as np
import pytest

from mnemic.datasets.idx import read_idx
from mnemic.errors import MediaError

PICTURES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
HEADER = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4)


@pytest.mark.parametrize("name", ["pictures.gz", "pictures"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (7,), (0, 28, 28)])
def test_what_was_written_is_read(tmp_path, write_idx, name, shape):
    array = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    write_idx(tmp_path / name, array)
    read = read_idx(tmp_path / name, len(shape))
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "begins with nothing", id="empty"),
        pytest.param(b"\x89PNG" + bytes(20), "89 50 4e 47", id="another format"),
        pytest.param(bytes([0, 0, 13, 3]) + bytes(12), "00 00 0d 03", id="floats"),
        pytest.param(bytes([0, 0, 8, 1]) + bytes(12), "3 dimension", id="labels"),
        pytest.param(HEADER[:9], "ends inside its header", id="half a header"),
        pytest.param(HEADER + bytes(20), "has only 20", id="too few bytes"),
        pytest.param(HEADER + bytes(25), "has more", id="too many bytes"),
        pytest.param(HEADER[:4] + b"\xff" * 12, "header is damaged", id="impossible sizes"),
    ],
)
def test_a_lying_file_is_refused_with_its_name_and_the_reason(tmp_path, content, complaint):
    for path, data in ((tmp_path / "a", content), (tmp_path / "a.gz", gzip.compress(content))):
        path.write_bytes(data)
        with pytest.raises(MediaError, match=complaint) as caught:
            read_idx(path, 3)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", [lambda data: data[:-12], lambda data: data[5:]])
def test_a_damaged_gzip_file_is_refused(tmp_path, damage):
    path = tmp_path / "pictures.gz"
    path.write_bytes(damage(gzip.compress(HEADER + PICTURES.tobytes())))
    with pytest.raises(MediaError, match="not a whole gzip file"):
        read_idx(path, 3)
