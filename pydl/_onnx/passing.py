"""Layers that change nothing outside of training."""

from __future__ import annotations

from pydl._onnx.writers import Writers, unchanged
from pydl.layers import (
    augmenting,
    coloring,
    core,
    distorting,
    equalizing,
    filtering,
    max_num_bounding_boxes,
    mixing,
    noise,
    rand_augment,
    warping,
)
from pydl.layers.passing import ActivityRegularization, Identity

writers = Writers()
writers.of(
    Identity, ActivityRegularization, core.Dropout, noise.AlphaDropout, noise.GaussianDropout, noise.GaussianNoise,
    noise.SpatialDropout1D, noise.SpatialDropout2D, noise.SpatialDropout3D, augmenting.RandomBrightness,
    augmenting.RandomContrast, augmenting.RandomFlip, coloring.RandomColorDegeneration, coloring.RandomGrayscale,
    coloring.RandomHue, coloring.RandomInvert, coloring.RandomPosterization, coloring.RandomSaturation,
    coloring.Solarization, distorting.RandomElasticTransform, distorting.RandomPerspective, distorting.RandomShear,
    equalizing.Equalization,
    filtering.RandomErasing, filtering.RandomGaussianBlur, filtering.RandomSharpness,
    max_num_bounding_boxes.MaxNumBoundingBoxes, mixing.CutMix, mixing.MixUp,
    rand_augment.AugMix, rand_augment.RandAugment, warping.RandomRotation, warping.RandomTranslation,
    warping.RandomZoom,
)(unchanged)  # fmt: skip
