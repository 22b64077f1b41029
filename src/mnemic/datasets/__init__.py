"""Pictures to remember: loaders for data on this machine, and worlds that need no network."""

from mnemic.datasets.loaders import digits, fashion_mnist, folder, kmnist, mnist
from mnemic.datasets.results import Files, Pictures, Scenes, Solids
from mnemic.datasets.scenes import shapes3d
from mnemic.datasets.solids import symmetric_solids

__all__ = [
    "Files",
    "Pictures",
    "Scenes",
    "Solids",
    "digits",
    "fashion_mnist",
    "folder",
    "kmnist",
    "mnist",
    "shapes3d",
    "symmetric_solids",
]
