import pytest


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """In all tests of this folder."""
