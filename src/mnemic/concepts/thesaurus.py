"""What a word is a kind of, by WordNet: read where it lies, a line at a time.

Its index is sorted, so a word is found by bisection; a synset is named by the byte its line begins
at (wndb(5WN)). So nothing is loaded, and a label is placed in some tenths of a millisecond. Miller
1995, as Marco de Lucas 2023, section 3, proposes.
"""

import mmap
from pathlib import Path

from mnemic.datasets.words import DETACHED, Synset, synset_of, wordnet_folder
from mnemic.errors import DataError, MediaError

KIND_OF = ("@", "@i")  # is a kind of; is an instance of


class Thesaurus:
    """The nouns of WordNet and what they are kinds of.

    Raises:
        DataError: WordNet is not on this machine.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        folder = wordnet_folder(None if root is None else Path(root))
        self._index = _mapped(folder / "index.noun")
        self._data = _mapped(folder / "data.noun")
        lines = (folder / "noun.exc").read_text(encoding="utf-8").splitlines()
        self._exceptions = {plural: one for plural, one, *_ in map(str.split, lines)}

    @classmethod
    def found(cls, root: str | Path | None = None) -> "Thesaurus | None":
        """The thesaurus, or None where WordNet is not on this machine."""
        try:
            return cls(root)
        except DataError:
            return None

    def meanings(self, label: str) -> list[int]:
        """The synsets a label may mean, the most usual first; plurals by their singular.

        A capital makes a name, which means what WordNet writes so too, and else nothing: Ada is no
        enzyme (ADA), and Ben no mountain (ben). Plurals are no names, however they are written.
        """
        written = "_".join(label.split())
        word = written.lower()
        if not word:
            return []
        offsets = self._listed(word)
        if written != word:
            offsets = [offset for offset in offsets if self._is_written(offset, written)]
        forms = [self._exceptions.get(word, "")]
        forms += [
            word.removesuffix(ending) + instead
            for ending, instead in DETACHED["noun"]
            if word.endswith(ending)
        ]
        return next(filter(None, [offsets, *map(self._listed, forms)]), [])

    def _is_written(self, offset: int, name: str) -> bool:
        """Whether a synset has a word that is written so, capitals and all."""
        line = self._data[offset : self._data.find(b"\n", offset)].decode()
        count, *words = line.split()[3:]
        return name in words[: 2 * int(count, 16) : 2]

    def synset(self, offset: int) -> Synset:
        """The synset that begins at a byte of the file.

        Raises:
            MediaError: none does.
        """
        end = self._data.find(b"\n", offset)
        line = self._data[offset : end if end >= 0 else None].decode()
        try:
            found = synset_of(line)
        except (ValueError, IndexError, KeyError) as error:
            raise MediaError(f"WordNet has no synset {offset}: {line[:60]!r}") from error
        return found

    def above(self, offset: int) -> list[Synset]:
        """What a synset is right below: its hypernyms, or the classes it is an instance of."""
        links = self.synset(offset).links
        return [
            self.synset(link.offset)
            for link in links
            if link.symbol in KIND_OF and link.kind == "noun"
        ]

    def _listed(self, word: str) -> list[int]:
        """Bisection over the lines of the index, which are in the order of their bytes."""
        wanted = word.encode("utf-8", "surrogatepass")
        low, high = 0, len(self._index) if wanted else 0
        while low < high:
            middle = (low + high) // 2
            start = self._index.rfind(b"\n", 0, middle) + 1
            end = self._index.find(b"\n", start)
            end = len(self._index) if end < 0 else end
            line = self._index[start:end]
            key = line.partition(b" ")[0]  # of a line of the licence, which comes first: nothing
            if key == wanted:
                return _offsets(line.decode())
            if key < wanted:
                low = end + 1
            else:
                high = start
        return []


def _offsets(line: str) -> list[int]:
    """``lemma pos synsets pointers [pointer …] senses tagged offset …``."""
    fields = line.split()
    return [int(offset) for offset in fields[6 + int(fields[3]) :]]


def _mapped(file: Path) -> mmap.mmap:
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
