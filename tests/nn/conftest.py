import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Pictures this small are not worth sharing out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
