"""Pictures, words and speech: loaders for data on this machine, and worlds that need no network."""

from mnemic.datasets.loaders import digits, fashion_mnist, folder, kmnist, mnist
from mnemic.datasets.results import Files, Pictures, Scenes, Solids
from mnemic.datasets.scenes import shapes3d
from mnemic.datasets.sequences import cifar10, wikitext103
from mnemic.datasets.solids import symmetric_solids
from mnemic.datasets.speech import Spoken, spoken
from mnemic.datasets.words import brown, wordnet

__all__ = [
    "Files",
    "Pictures",
    "Scenes",
    "Solids",
    "Spoken",
    "brown",
    "cifar10",
    "digits",
    "fashion_mnist",
    "folder",
    "kmnist",
    "mnist",
    "shapes3d",
    "spoken",
    "symmetric_solids",
    "wikitext103",
    "wordnet",
]
