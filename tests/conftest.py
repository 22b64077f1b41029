"""What all tests share: generators, real pictures, and what the long forms add."""

import os
import shutil

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from mnemic import Memory
from mnemic.datasets import fashion_mnist

LONG = "MNEMIC_LONG" in os.environ

collect_ignore = ["contracts", "reference.py"]  # no tests themselves, and no docstring examples

settings.register_profile(
    "mnemic",
    max_examples=10_000 if LONG else 40,
    deadline=None,  # speed is measured in benchmarks, not here
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("mnemic")


def pytest_collection_modifyitems(config, items):
    if LONG:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def clothes():
    """The first Fashion-MNIST pictures, as uint8."""
    return fashion_mnist("train").images[:3000]


@pytest.fixture(scope="session")
def unseen_clothes():
    return fashion_mnist("test").images[:400]


@pytest.fixture(scope="session")
def small(clothes):
    """400 clothes at 14 × 14: students of such pictures learn in a moment."""
    return smaller(clothes[:400])


def smaller(images):
    return images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.uint8)


@pytest.fixture
def reopened(tmp_path):
    """Opens copies of memories, and closes them again."""
    memories = []

    def copy(path, **options):
        mine = tmp_path / f"{len(memories)}.mnemic"
        shutil.copytree(path, mine)
        memories.append(Memory.open(mine, **options))
        return memories[-1]

    yield copy
    for memory in memories:
        memory.close()


@pytest.fixture
def one_thread():
    """Pictures this small are not worth sharing out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def clothes_features(clothes):
    return torch.from_numpy(clothes.reshape(len(clothes), -1).astype(np.float32) / 255)


@pytest.fixture(scope="session")
def unseen_features(unseen_clothes):
    flat = unseen_clothes.reshape(len(unseen_clothes), -1)
    return torch.from_numpy(flat.astype(np.float32) / 255)


@pytest.fixture
def memory(tmp_path):
    """An empty memory of small grey pictures and short vectors."""
    create = {"resolution": 28, "channels": 1, "vector": 5}
    with Memory.open(tmp_path / "life.mnemic", create=create) as memory:
        yield memory
