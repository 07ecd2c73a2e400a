"""A layer that changes brightness, contrast, saturation and hue by chance in training, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base.args import one_of, optional_whole
from pydl.layers.annotated import DATA_FORMATS
from pydl.layers.augmenting import RandomBrightness, RandomContrast
from pydl.layers.base import Layer
from pydl.layers.coloring import RandomHue, RandomSaturation
from pydl.layers.images import values_of
from pydl.layers.passing import Identity
from pydl.layers.pipeline import Pipeline

_KINDS = {
    "brightness_factor": RandomBrightness, "contrast_factor": RandomContrast, "saturation_factor": RandomSaturation,
    "hue_factor": RandomHue,
}  # fmt: skip


class RandomColorJitter(Pipeline):
    """In training, changes brightness, then contrast, saturation and hue of pictures; else nothing changes.

    As `RandomBrightness`, `RandomContrast`, `RandomSaturation` and `RandomHue` do it. Pictures are `(batch, height,
    width, 3)`. Called on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture
    without the batch as well. Gives no gradient to its input.

    Parameters
    ----------
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    brightness_factor, contrast_factor, saturation_factor, hue_factor : float or (float, float), optional
        What each of these layers takes; None leaves it out.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    def __init__(
        self, value_range: Any = (0, 255), brightness_factor: Any = None, contrast_factor: Any = None,
        saturation_factor: Any = None, hue_factor: Any = None, seed: int | None = None, data_format: str | None = None,
        *, bounding_box_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        owner = "RandomColorJitter"
        self.value_range = values_of(owner, value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self.seed = optional_whole(owner, "seed", seed, below=2**61)
        self.bounding_box_format = bounding_box_format
        dtype = kwargs.get("dtype")
        shared = {
            "value_range": self.value_range, "data_format": data_format, "dtype": dtype,
            "bounding_box_format": bounding_box_format,
        }  # fmt: skip
        wanted = [(make, factor) for name, make in _KINDS.items() if (factor := getattr(self, name)) is not None]
        layers: list[Layer] = [
            make(factor, seed=None if seed is None else seed + k, **shared)
            for k, (make, factor) in enumerate(wanted)
        ]  # fmt: skip
        super().__init__(layers or [Identity(dtype=dtype)], **kwargs)
        self.data_format = one_of(owner, "data_format", data_format or "channels_last", DATA_FORMATS)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> list[Any]:
        """What each of its layers draws, see `RandomBrightness`."""
        return [layer.get_random_transformation(data, training, seed) for layer in self._changing()]

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Pictures, changed as was drawn."""
        drawn = transformation if training else [None] * len(self.layers)
        for layer, of_layer in zip(self._changing(), drawn, strict=False):
            images = layer.transform_images(images, of_layer, training)
        return images

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Labels, which stay."""
        return labels

    transform_segmentation_masks = transform_bounding_boxes = transform_labels

    def _changing(self) -> list[Any]:
        return [layer for layer in self.layers if not isinstance(layer, Identity)]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = Layer.get_config(self)
        del config["layers"]
        if self.bounding_box_format is None:
            del config["bounding_box_format"]
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> RandomColorJitter:
        """The layer that `get_config` described."""
        return cls(**config)
