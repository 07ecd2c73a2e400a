"""Each layer has a form in C, or a reason why it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import pydl
from pydl import layers as L
from pydl._c.ops import unit_of
from pydl._c.without import WITHOUT
from tests.model_cases import CASES

COLOURS = {
    "RandomErasing": {}, "RandomGaussianBlur": {}, "RandomGrayscale": {}, "RandomHue": {"factor": 0.1},
    "RandomInvert": {}, "RandomPosterization": {"factor": 4}, "RandomSaturation": {"factor": 0.1},
    "RandomSharpness": {"factor": 0.1}, "Solarization": {}, "Equalization": {}, "MixUp": {}, "CutMix": {},
    "AugMix": {}, "RandAugment": {}, "RandomShear": {"x_factor": 0.1}, "RandomPerspective": {}, "RandomColorJitter": {},
    "RandomElasticTransform": {}, "MaxNumBoundingBoxes": {"max_number": 3},
    "RandomColorDegeneration": {"factor": 0.1},
}  # fmt: skip


def of_one(layer: Any, shape: tuple[int, ...]) -> Any:
    x = pydl.Input(shape)
    return pydl.Model(x, layer(x))


def models() -> Iterator[Any]:
    for make in CASES.values():
        yield make().model
    for name, options in COLOURS.items():
        yield of_one(getattr(L, name)(**options), (5, 6, 3))
    yield of_one(L.Masking(0.0), (4, 2))
    yield of_one(L.Wrapper(L.Dense(3)), (4,))
    yield of_one(L.SpectralNormalization(L.Dense(3)), (4,))
    yield of_one(L.Normalization(mean=[1.0, 2.0], variance=[3.0, 4.0]), (2,))
    yield of_one(L.SpatialDropout3D(0.2), (2, 2, 2, 3))
    yield of_one(lambda x: (x * 2 + 1) * x, (4,))


def layers_of(model: Any) -> Iterator[type]:
    for layer in model.by_depth():
        yield type(layer)
        if hasattr(layer, "calls"):
            yield from layers_of(layer)


@pytest.fixture(scope="module")
def written() -> set[type]:
    """Layers of models that can be written."""
    found: set[type] = set()
    for model in models():
        try:
            unit_of(model, "export")
        except ValueError as error:
            assert "has no form in C" in str(error)  # noqa: PT017 - what else it may raise is not caught
        else:
            found.update(layers_of(model))
    return found


LAYERS = sorted({v for v in (getattr(L, n) for n in dir(L)) if isinstance(v, type) and issubclass(v, L.Layer)}, key=str)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_each_layer_has_a_form_or_a_reason(layer: type, written: set[type]) -> None:
    assert (layer in written) != (layer.__name__ in WITHOUT)
