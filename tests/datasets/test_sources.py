import hashlib
import http.server
import threading
from functools import partial

import pytest

from mnemic.datasets import sources
from mnemic.datasets.sources import Source, find_files
from mnemic.errors import DataError

NAMES = ("images.gz", "labels.gz")
CONTENT = b"published bytes"
MD5 = hashlib.md5(CONTENT).hexdigest()


def source(url="http://127.0.0.1:9/", md5=MD5):
    checksums = dict.fromkeys(NAMES, md5)
    return Source(name="shells", url=url, md5=checksums, advice="Collect some.")


def put(folder, names=NAMES):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(CONTENT)
    return tuple(folder / name for name in names)


@pytest.fixture
def address(tmp_path):
    """A server on this machine that publishes both files."""
    put(tmp_path / "published")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = partial(Quiet, directory=tmp_path / "published")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_most_deliberate_place_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMIC_DATA", str(tmp_path / "configured"))
    monkeypatch.setattr(sources, "DEBIAN", tmp_path / "debian")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "user_cache", lambda: tmp_path / "cache")
    root = tmp_path / "given"
    for place in ("cache", ".data", "debian", "configured", "given"):
        put(tmp_path / place / "shells")
        found = find_files(source(), NAMES, root)
        assert [path.resolve().parent.parent.name for path in found] == [place, place]
    put(root)
    assert find_files(source(), NAMES, root) == (root / NAMES[0], root / NAMES[1])


def test_a_folder_without_all_files_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMIC_DATA", str(tmp_path / "whole"))
    put(tmp_path / "part" / "shells", NAMES[:1])
    whole = put(tmp_path / "whole" / "shells")
    assert find_files(source(), NAMES, tmp_path / "part") == whole


def test_files_that_lie_loose_in_the_data_folder_could_be_any_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMIC_DATA", str(tmp_path))
    put(tmp_path)
    with pytest.raises(DataError):
        find_files(source(), NAMES, None)


def test_unzipped_files_are_found(tmp_path):
    unzipped = put(tmp_path, ("images", "labels"))
    assert find_files(source(), NAMES, tmp_path) == unzipped


def test_a_download_is_kept_and_not_repeated(address):
    found = find_files(source(address), NAMES, None)
    assert [path.read_bytes() for path in found] == [CONTENT, CONTENT]
    assert find_files(source(), NAMES, None) == found  # this source has no server


def test_a_download_with_another_checksum_is_refused_and_not_kept(address):
    for _ in range(2):
        with pytest.raises(DataError, match="hash"):
            find_files(source(address, md5="0" * 32), NAMES, None)


def test_missing_data_says_where_it_was_looked_for_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMIC_DATA", str(tmp_path / "configured"))
    with pytest.raises(DataError) as caught:
        find_files(source(), NAMES, tmp_path / "given")
    message = str(caught.value)
    for part in ("given", "configured", "/usr/share/datasets", ".data", "http://127.0.0.1:9/"):
        assert part in message
    assert message.endswith("Collect some.")
