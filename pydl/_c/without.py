"""Layers that have no form in C, and why; tests/files/test_c_layers.py wants each layer to have a form or a reason."""

_NUMPY = "it computes with NumPy"
_DATA = "it prepares data in Python"
_OWN = "it runs Python code of its own"

WITHOUT = {
    "AdaptiveAveragePooling1D": _NUMPY,
    "AdaptiveAveragePooling2D": _NUMPY,
    "AdaptiveAveragePooling3D": _NUMPY,
    "AdaptiveMaxPooling1D": _NUMPY,
    "AdaptiveMaxPooling2D": _NUMPY,
    "AdaptiveMaxPooling3D": _NUMPY,
    "ContrastLimitedAdaptiveHistogramEqualization": _NUMPY,
    "EinsumDense": _NUMPY,
    "MelSpectrogram": _NUMPY,
    "Parametric": _NUMPY,
    "STFTSpectrogram": _NUMPY,
    "Operation": "functions of pydl.ops compute with NumPy",
    "CategoryEncoding": _DATA,
    "Discretization": _DATA,
    "HashedCrossing": _DATA,
    "Hashing": _DATA,
    "IntegerLookup": _DATA,
    "Pipeline": _DATA,
    "StringLookup": _DATA,
    "TextVectorization": _DATA,
    "Lambda": _OWN,
    "Layer": _OWN,
    "AddedLoss": "it is a part of a loss",
    "AutoContrast": _NUMPY,
}
