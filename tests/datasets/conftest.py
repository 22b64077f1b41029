import gzip
import struct

import pytest


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path_factory):
    """No data of this user or project is found; the system's packages still are."""
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(empty)
    monkeypatch.delenv("MNEMIC_DATA", raising=False)
    monkeypatch.setattr("mnemic.datasets.sources.user_cache", lambda: empty / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def write_idx():
    """Write an array as an IDX file of bytes, gzipped if the name says so."""

    def write(path, array):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = header + array.tobytes()
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)

    return write
