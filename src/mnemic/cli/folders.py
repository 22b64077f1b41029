"""What of files belongs together: one experience each, with its label and its caption."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from mnemic.datasets import folder
from mnemic.errors import DataError, MediaError
from mnemic.media_sound import SOUND_SUFFIXES

CAPTION = ".txt"  # of the same name, beside a picture or a sound


class Found(NamedTuple):
    """A picture, a sound or both, and the label that the subfolder gives."""

    image: Path | None
    sound: Path | None
    label: str | None

    @property
    def file(self) -> Path:
        """The one it is named by."""
        file = self.image or self.sound
        assert file is not None
        return file

    @property
    def parts(self) -> dict[str, Path]:
        """As ``Memory.remember`` takes them."""
        both = {"image": self.image, "sound": self.sound}
        return {name: file for name, file in both.items() if file is not None}

    @property
    def metadata(self) -> dict[str, str]:
        """Where it came from."""
        sound = {"sound": str(self.sound)} if self.image and self.sound else {}
        return {"path": str(self.file), **sound}

    def caption(self) -> str | None:
        """What the text file beside it says.

        Raises:
            MediaError: it cannot be read as text.
        """
        beside = self.file.with_suffix(CAPTION)
        if not beside.is_file():
            return None
        try:
            return beside.read_text(encoding="utf-8-sig").strip() or None
        except (UnicodeDecodeError, OSError) as error:
            raise MediaError(
                f"{beside} cannot be read as the caption of {self.file.name} ({error});"
                " save it as UTF-8 text"
            ) from error


def is_sound(file: Path) -> bool:
    """Whether a file is a sound, by its name."""
    return file.suffix.lower() in SOUND_SUFFIXES


def found_in(path: Path) -> list[Found]:
    """What a folder holds, or the one file that is named.

    The first subfolder's name is the label. A picture and a sound of one name, side by side, are
    one experience.

    Raises:
        DataError: there is neither picture nor sound.
    """
    if not path.is_dir():
        return [_alone(path, None)]
    heard = _sounds(path)
    try:
        files = folder(path)
    except DataError:
        if not heard:
            raise
        return [_alone(file, label) for file, label in heard.items()]
    stems = [file.with_suffix("") for file in files.paths]
    pictures = Counter(stems)
    sounds: dict[Path, list[Path]] = {}
    for file in heard:
        sounds.setdefault(file.with_suffix(""), []).append(file)
    found: list[Found] = []
    for file, stem in zip(files.paths, stems, strict=True):
        label = _label(file, path)
        together = sounds.get(stem, [])
        if len(together) == 1 and pictures[stem] == 1:
            heard.pop(together[0])
            found.append(Found(file, together[0], label))
        else:
            found.append(_alone(file, label))
    return [*found, *(_alone(file, label) for file, label in heard.items())]


def _sounds(path: Path) -> dict[Path, str | None]:
    """All sounds below a folder, in order, with the label of each."""
    inside = (each.relative_to(path) for each in path.rglob("*") if is_sound(each))
    sounds = sorted(
        (each for each in inside if not any(part.startswith(".") for part in each.parts)),
        key=lambda each: each.parts,
    )
    return {path / each: _label(path / each, path) for each in sounds}


def _label(file: Path, path: Path) -> str | None:
    """The first subfolder on the way from a folder to a file."""
    first, *rest = file.relative_to(path).parts
    return first if rest else None


def _alone(file: Path, label: str | None) -> Found:
    return Found(None, file, label) if is_sound(file) else Found(file, None, label)
