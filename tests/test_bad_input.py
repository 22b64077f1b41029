"""What people hand over by mistake: a clear error or a right answer, and nothing lost."""

import io

import numpy as np
import pytest
import soundfile

from mnemic import Memory
from mnemic.errors import CueError, MediaError, MnemicError

RATE = 16_000
SIDE = 12


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def memory(tmp_path, rng):
    """A memory of three senses that holds one experience of all three."""
    create = {"resolution": SIDE, "sound": True, "text": True}
    with Memory.open(tmp_path / "memory", create=create) as memory:
        memory.remember(image=picture(rng), sound=noise(rng), text="before", label="before")
        yield memory


def picture(rng):
    return rng.integers(256, size=(SIDE, SIDE, 3), dtype=np.uint8)


def noise(rng, seconds=1):
    return rng.standard_normal(seconds * RATE).astype(np.float32) / 8, RATE


def hours(count, *, rate=1000):
    """A recording of that many hours, as a file."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(count * 3600 * rate, np.int16), rate, format="FLAC")
    return file.getvalue()


UNUSABLE = {
    "silence": lambda: (np.zeros(RATE, np.float32), RATE),
    "nothing": lambda: b"",
    "an unknown codec": lambda: b"\x1aE\xdf\xa3" + bytes(2000),  # how a Matroska file begins
    "text for a sound": lambda: b"this is no sound at all",
    "two hours": lambda: hours(2),
    "not a number": lambda: (np.full(RATE, np.nan, np.float32), RATE),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_sound_that_cannot_be_used_is_refused_and_its_picture_not_half_stored(memory, rng, what):
    with pytest.raises(MnemicError) as refused:
        memory.remember(image=picture(rng), sound=UNUSABLE[what](), text="x", label="x")
    assert str(refused.value)
    assert len(memory) == 1
    with pytest.raises(MnemicError):
        memory.concepts.find("x")
    assert memory.check() == []


def test_two_hours_are_refused_with_what_to_do(memory):
    with pytest.raises(MediaError, match=r"7,?200.*60|60.*7,?200"):
        memory.remember(sound=hours(2))


def test_one_bad_sound_of_many_leaves_none_of_them_behind(memory, rng):
    with pytest.raises(MnemicError):
        memory.remember_many(sound=[noise(rng), UNUSABLE["silence"](), noise(rng)])
    assert len(memory) == 1


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_of_nothing_is_no_cue(memory, text):
    with pytest.raises(CueError):
        memory.recall(text=text)


def test_ten_megabytes_of_text_come_back_word_for_word(memory):
    text = "the quick brown fox, and the lazy dog. " * (10 * 2**20 // 39)
    engram = memory.remember(text=text)
    assert memory[engram.id].text == text
    assert memory.recall(text=text).engram.id == engram.id
    assert memory.check() == []


def test_an_experience_without_one_of_the_senses_is_whole(memory, rng):
    alone = memory.remember(image=(seen := picture(rng)), label="alone")
    assert memory.recall(image=seen).engram.id == alone.id
    assert memory.recall(image=seen).sound is None
    assert memory.recall(label="alone").sound is None


def test_of_labels_that_contradict_each_other_both_stand(memory, rng):
    seen = picture(rng)
    for label in ("Ada", "Ben"):
        memory.remember(image=seen, label=label)
    found = memory.recall(image=seen).concept
    assert {found.label, *(one.label for one in found.runners_up)} >= {"Ada", "Ben"}
    # one engram is as near as the other, and one of them is what recall brings
    assert found.activation <= 0.7
    for label in ("Ada", "Ben"):
        assert np.array_equal(memory.recall(label=label).image, seen)
        assert memory.concepts.find(label).links["pixels"] == 1


def test_a_label_spelt_like_another_is_another_concept(memory, rng):
    for label in ("Ada", "Ada Lovelace", "ada"):
        memory.remember(image=picture(rng), label=label)
    found = {memory.concepts.find(label).id for label in ("Ada", "Ada Lovelace", "ada")}
    assert len(found) == 3
    with pytest.raises(MnemicError, match="Ada Lovelace"):
        memory.concepts.rename("Ada", "Ada Lovelace")
    assert memory.concepts.find("Ada").label == "Ada"
