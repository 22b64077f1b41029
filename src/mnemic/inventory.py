"""What senses a memory has, what each holds, and how far it compresses what it was given."""

from dataclasses import dataclass

from mnemic.collection import Collection


@dataclass(frozen=True, kw_only=True)
class SenseUse:
    """One sense, and what it takes.

    ``compression`` is the bytes of its parts as they were given over those of its features; None
    where nothing is stored, or what was given is not kept.
    """

    name: str
    modality: str
    features: int  # numbers
    points: int
    bytes_given: int | None
    bytes_features: int

    @property
    def compression(self) -> float | None:
        """Bytes given over bytes of features."""
        if not self.bytes_given or not self.bytes_features:
            return None
        return self.bytes_given / self.bytes_features


def uses(collection: Collection) -> list[SenseUse]:
    """Each sense, in the order they encode in."""
    given: dict[str, int] = {}
    for name, points in collection.points.items():
        modality = points.sense.modality
        given[modality] = given.get(modality, 0) + collection.store.space(name).originals
    if "text" in given:
        given["text"] = _bytes_of_texts(collection)
    found: list[SenseUse] = []
    for name, points in collection.points.items():
        space = collection.store.space(name)
        original = points.sense.modality == "text" or collection.keep == "original"
        found.append(
            SenseUse(
                name=name,
                modality=points.sense.modality,
                features=points.memory.dim,
                points=len(points.engram_of),
                bytes_given=given[points.sense.modality] if original else None,
                bytes_features=space.codes or space.latents + space.residuals,
            )
        )
    return found


def _bytes_of_texts(collection: Collection) -> int:
    kept = collection.store.get(collection.store.ids())
    texts = [text for one in kept for text in one.experience.text if text.strip()]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
