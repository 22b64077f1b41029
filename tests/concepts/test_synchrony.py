"""A stream of faces and voices, three in ten of which do not belong together."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from mnemic import Memory

PEOPLE, MEETINGS, ASTRAY = 8, 130, 0.3


def stream(seed, meetings=MEETINGS):
    """Who is seen and who is heard, with what they look and sound like that time."""
    rng = np.random.default_rng(seed)
    faces, voices = rng.random((PEOPLE, 12)), rng.random((PEOPLE, 10)) * 255
    for _ in range(meetings):
        seen = heard = int(rng.integers(PEOPLE))
        if rng.random() < ASTRAY:
            heard = int((seen + rng.integers(1, PEOPLE)) % PEOPLE)
        face = (faces[seen] + 0.05 * rng.standard_normal(12)).astype(np.float32)
        voice = (voices[heard].repeat(10).reshape(10, 10) + rng.normal(0, 12, (10, 10))).clip(
            0, 255
        )
        yield seen, heard, face, voice.astype(np.uint8)


def agreement(memory, truth):
    """Adjusted Rand index between the concepts of points and who they are of."""
    graph = memory._store.graph
    points = [kept.id for kept in memory._store.points()]
    roots = graph.roots_of_points(points)
    return adjusted_rand_score([truth[point] for point in points], [roots[p] for p in points])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_faces_and_voices_find_each_other_though_three_in_ten_are_astray(tmp_path, seed):
    truth = {}
    with Memory.open(
        tmp_path / "life", create={"resolution": 10, "channels": 1, "vector": 12}
    ) as memory:
        for seen, heard, face, voice in stream(seed):
            engram = memory.remember(vector=face, image=voice)
            for kept in memory._store.points([engram.id]):
                truth[kept.id] = seen if kept.point.sense == "vector" else heard
        assert agreement(memory, truth) >= 0.8
        assert memory.check() == []
        people = {}
        for kept in memory._store.points():
            people.setdefault(kept.engram, set()).add(truth[kept.id])
        units = [len(memory.concepts.of(id)) / len(there) for id, there in people.items()]
        assert np.mean(units) <= 1.2  # a unit for each who was there, be it one or two


def test_a_voice_heard_first_with_the_wrong_face_finds_its_own(tmp_path):
    rng = np.random.default_rng(0)
    faces, voices = (
        rng.random((3, 12)).astype(np.float32),
        rng.integers(0, 255, (3, 10, 10), np.uint8),
    )
    with Memory.open(
        tmp_path / "life", create={"resolution": 10, "channels": 1, "vector": 12}
    ) as memory:
        first = memory.remember(vector=faces[0], image=voices[1])
        assert len(memory.concepts.of(first)) == 1
        for _ in range(3):
            for who in range(3):
                memory.remember(vector=faces[who], image=voices[who])
        of = {c.id for c in memory.concepts.of(memory.remember(vector=faces[0], image=voices[0]))}
        assert len(memory.concepts.of(first)) == 2
        assert of < {c.id for c in memory.concepts.of(first)}
        assert len(memory.concepts) == 3
