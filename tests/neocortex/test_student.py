"""A student codes and decodes alike everywhere, and comes back from disk whole or not at all."""

import json

import pytest
import torch
from jaxtyping import TypeCheckError
from safetensors.torch import load_file, save_file

from mnemic.errors import ConfigError, DamagedError, NewerVersionError, ShapeError, StoreError
from mnemic.neocortex import Student, make_student
from mnemic.neocortex.files import checksum

KINDS = ["mnemic", "spens2022"]


@pytest.fixture(params=KINDS)
def student(request):
    student = make_student(request.param, (16, 16, 3), 5, seed=1)
    # running means of its own, so that they must be saved too
    rng = torch.Generator().manual_seed(0)
    student.model.train()(torch.rand(8, 3, 16, 16, generator=rng), rng=rng)
    return student


@pytest.fixture
def features():
    return torch.rand(7, 768, generator=torch.Generator().manual_seed(3))


def rewritten(path, **changes):
    """The same tensors under other metadata."""
    tensors = load_file(path)
    metadata = {
        "format": "mnemic student",
        "version": "1",
        "config": json.dumps({"kind": "mnemic", "grid": [16, 16, 3], "latent_dim": 5}),
        "checksum": checksum(tensors),
    }
    save_file(tensors, path, metadata | changes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_decides_the_first_weights(kind):
    first, again = (make_student(kind, (16, 16, 1), seed=4) for _ in range(2))
    other = make_student(kind, (16, 16, 1), seed=5)
    weights = [student.model.state_dict() for student in (first, again, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["mean.weight"], weights[2]["mean.weight"])


def test_features_and_latents_have_the_shapes_promised(student, features):
    latents = student.encode(features)
    decoded = student.decode(latents)
    assert latents.shape == (7, student.latent_dim)
    assert decoded.shape == features.shape
    assert decoded.dtype == torch.float32
    assert ((decoded >= 0) & (decoded <= 1)).all()
    assert not decoded.requires_grad


def test_features_are_laid_out_height_width_channels(student, features):
    picture = features.reshape(7, 16, 16, 3)
    assert torch.equal(student.pictures(features)[2, 1, 4, 5], picture[2, 4, 5, 1])
    assert torch.equal(student.features(student.pictures(features)), features)


def test_chunks_change_nothing(student, features, monkeypatch):
    whole = student.decode(student.encode(features))
    monkeypatch.setattr("mnemic.neocortex.student.CHUNK", 2)
    torch.testing.assert_close(
        student.decode(student.encode(features)), whole, rtol=1e-5, atol=1e-6
    )


def test_nothing_codes_to_nothing(student):
    latents = student.encode(torch.empty(0, 768))
    assert latents.shape == (0, 5)
    assert student.decode(latents).shape == (0, 768)


def test_coding_neither_trains_nor_draws(student, features):
    weights = {name: value.clone() for name, value in student.model.state_dict().items()}
    student.model.train()  # as an interrupted training would leave it
    before = torch.get_rng_state()
    first, again = student.encode(features), student.encode(features)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in student.model.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_a_saved_student_comes_back_the_same(student, features, tmp_path):
    student.save(tmp_path / "night.safetensors")
    loaded = Student.load(tmp_path / "night.safetensors")
    assert loaded.config == student.config
    assert torch.equal(loaded.encode(features), student.encode(features))
    assert torch.equal(loaded.decode(torch.zeros(1, 5)), student.decode(torch.zeros(1, 5)))
    assert [file.name for file in tmp_path.iterdir()] == ["night.safetensors"]


def test_saving_over_a_student_replaces_it(tmp_path):
    path = tmp_path / "night.safetensors"
    make_student(grid=(16, 16, 1), seed=0).save(path)
    newer = make_student(grid=(16, 16, 1), seed=1)
    newer.save(path)
    features = torch.rand(2, 256, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Student.load(path).encode(features), newer.encode(features))


def test_a_write_that_fails_leaves_the_old_student(tmp_path, monkeypatch):
    path = tmp_path / "night.safetensors"
    make_student(grid=(16, 16, 1), seed=0).save(path)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        make_student(grid=(16, 16, 1), seed=1).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["night.safetensors"]


def test_a_missing_student_says_where_it_was_sought(tmp_path):
    with pytest.raises(StoreError, match=r"no mnemic student at .*gone"):
        Student.load(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_student_is_refused(kept, tmp_path):
    path = tmp_path / "night.safetensors"
    make_student(grid=(16, 16, 1)).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedError, match="cut short"):
        Student.load(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "night.safetensors"
    make_student(grid=(16, 16, 1)).save(path)
    damaged = bytearray(path.read_bytes())
    damaged[-1000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DamagedError, match="not those written"):
        Student.load(path)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"version": "2"}, NewerVersionError, "version 2"),
        ({"format": "poem"}, DamagedError, "poem"),
        ({"config": "{"}, DamagedError, "cannot be read"),
        ({"config": "{}"}, DamagedError, "does not fit"),
        (
            {"config": '{"kind": "mnemic", "grid": [32, 32, 3], "latent_dim": 5}'},
            DamagedError,
            "does not fit",
        ),
    ],
)
def test_a_file_that_is_something_else_is_refused(changes, error, said, tmp_path):
    path = tmp_path / "night.safetensors"
    make_student(grid=(16, 16, 3), latent_dim=5).save(path)
    rewritten(path)
    Student.load(path)  # the metadata alone is what is refused below
    rewritten(path, **changes)
    with pytest.raises(error, match=said):
        Student.load(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"grid": (4, 64, 3)}, "from 8 by 8"),
        ({"grid": (16, 16, 2)}, "1 or 3 channels"),
    ],
)
def test_a_student_that_cannot_be_made_says_why(arguments, said):
    with pytest.raises(ConfigError, match=said):
        make_student(**arguments)


def test_there_are_two_kinds_of_student():
    with pytest.raises((ConfigError, TypeCheckError), match="keras"):
        make_student("keras")


def test_what_does_not_fit_is_refused(student):
    with pytest.raises(ShapeError, match="768 features, got 5"):
        student.encode(torch.zeros(1, 5))
    with pytest.raises(ShapeError, match="5 numbers, got 768"):
        student.decode(torch.zeros(1, 768))
