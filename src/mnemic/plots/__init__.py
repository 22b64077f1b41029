"""Numbers and pictures to figures. Nothing is computed here but where to put the ink."""

from mnemic.plots.concepts import concept_graph
from mnemic.plots.ink import save
from mnemic.plots.life import (
    cumulative,
    histogram_by_class,
    latent_map,
    lesion_curve,
    training_curves,
)
from mnemic.plots.sheets import contact_sheet, show_unknown

__all__ = [
    "concept_graph",
    "contact_sheet",
    "cumulative",
    "histogram_by_class",
    "latent_map",
    "lesion_curve",
    "save",
    "show_unknown",
    "training_curves",
]
