"""The closed table of what writes the layers of pydl, by class, and why some have no ONNX form."""

from __future__ import annotations

from pydl._onnx import basic, codes, merging, normalizing, operations, passing, positions, windows
from pydl._onnx.writers import Writers

WRITERS = Writers()
for module in (basic, codes, merging, normalizing, operations, passing, positions, windows):
    WRITERS.update(module.writers)

#: By the name of the class.
REASONS = {
    "ContrastLimitedAdaptiveHistogramEqualization": "histograms of tiles have no ONNX form: call the layer before",
    "HashedCrossing": "its hash of texts has no ONNX form: cross features before, or use a StringLookup",
    "Hashing": "its hash of texts has no ONNX form: use IntegerLookup or StringLookup",
    "MelSpectrogram": "spectra have no ONNX form here: call the layer on signals before, and export the model behind",
    "STFTSpectrogram": "spectra have no ONNX form here: call the layer on signals before, and export the model behind",
    "TextVectorization": "texts are tidied and split in Python: export the model behind it, whose input is codes",
}

#: Layers that are graphs of others, which are written one by one, or the ends of a graph.
GRAPHS = (
    "AddedLoss", "InputLayer", "Lambda", "Operation", "Pipeline", "RandomColorJitter", "SpectralNormalization",
    "Wrapper",
)  # fmt: skip
