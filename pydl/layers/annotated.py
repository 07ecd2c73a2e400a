"""What comes with pictures, and has to be changed with them: labels, masks, boxes around things."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl._base.boxes import FORMATS, clip_to_image_size, convert_format, filled
from pydl._base.random import drawn_numbers, next_seed
from pydl._engine.graph import is_symbolic
from pydl.layers.base import Layer

Array = np.ndarray


class Annotated(Layer):
    """A layer over pictures that takes a dict as well: pictures, and what was noted about them.

    `{"images": x, "labels": y, "segmentation_masks": m, "bounding_boxes": {"boxes": b, "labels": l}}`, of a batch or,
    all without the batch, of one picture. All of it is changed by one draw, which `get_random_transformation` gives and
    `transform_images` and its kin take.

    Parameters
    ----------
    bounding_box_format : str, optional
        Of boxes, "xyxy" (left, top, right, bottom) or another one of `pydl.utils.bounding_boxes`; needed where there
        are boxes and pixels move.
    data_format : {"channels_last", "channels_first"}, optional
    """

    of_dicts = True

    #: Whether pixels move, and masks and boxes with them; None: in a way in which these cannot.
    moves_pixels: bool | None = False

    #: How many numbers are drawn for each picture.
    numbers = 0

    seed: int | None = None

    def __init__(
        self, *, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        if bounding_box_format is not None:
            one_of(owner, "bounding_box_format", str(bounding_box_format).lower(), FORMATS)
        self.bounding_box_format = bounding_box_format
        self.data_format = one_of(owner, "data_format", data_format or "channels_last", DATA_FORMATS)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        if self.bounding_box_format is None:
            config.pop("bounding_box_format", None)
        return config

    def __call__(self, inputs: Any, *others: Any, training: Any = None) -> Any:
        """As that of other layers; a dict of arrays gives such a dict."""
        if isinstance(inputs, Mapping):
            return self._of_dict(inputs, training)
        return super().__call__(inputs, *others, training=training)

    def _of_dict(self, data: Mapping[str, Any], training: Any) -> dict[str, Any]:
        images = data.get("images")
        if images is None or is_symbolic(images):
            raise ValueError(
                f'{self._owner}: expected a dict of arrays, "images" and, if there are such, "labels", '
                f'"segmentation_masks" and "bounding_boxes", got {list(data)}'
            )
        training = True if training is None else bool(training)
        drawn = self.get_random_transformation(images, training)
        found = {**data, "images": self.transform_images(images, drawn, training)}
        for name in ("labels", "segmentation_masks", "bounding_boxes"):
            if data.get(name) is not None:
                found[name] = getattr(self, f"transform_{name}")(data[name], drawn, training)
        return found

    # -- what is drawn --------------------------------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> dict[str, Any]:
        """What is drawn for a batch of pictures, for `transform_images` and its kin: with a seed, what the next call
        would draw.

        Parameters
        ----------
        data : array, or dict with "images"
            Pictures, of which the shape matters.
        training : bool
        seed : int or SeedGenerator, optional
            Default: the layer's own, or one of the stream that `pydl.utils.set_random_seed` starts.

        Returns
        -------
        dict
            "seed" and "draws", which bring the draw back; "training" and "input_shape"; and, of layers that have such,
            what follows from it, named as in Keras, to be looked at: to be changed it is not.
        """
        shape = np.shape(data["images"] if isinstance(data, Mapping) else data)
        given = seed.next() if hasattr(seed, "next") else self.seed if seed is None else seed
        own = seed is None and self.seed is not None
        drawn = {
            "seed": (next_seed() if given is None else int(given)) % 2**62, "draws": self.draws if own else 0,
            "training": bool(training), "input_shape": shape,
        }  # fmt: skip
        self.draws += own
        return {**drawn, **self._named(drawn)}

    def _named(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """What follows from a draw."""
        if not (drawn["training"] and self.numbers):
            return {}
        shape = drawn["input_shape"]
        batch = 1 if len(shape) == 3 else shape[0]
        if batch == 0:
            return {}
        u = drawn_numbers(drawn["seed"] + 1, drawn["draws"], batch * self.numbers).reshape(batch, self.numbers)
        return self.drawn(u.T[..., None, None, None], self._sizes(shape))

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        """What follows from numbers in [0, 1), `(numbers, batch, 1, 1, 1)`, for pictures of this height and width."""
        return {}

    def _sizes(self, shape: Any) -> tuple[int, int]:
        """Height and width of pictures of this shape."""
        height, width = shape[-2:] if self.data_format == "channels_first" else shape[-3:-1]
        return int(height), int(width)

    def _replayed(self, transformation: Any, **changes: Any) -> Any:
        """A copy of the layer whose next call draws what was drawn."""
        known = isinstance(transformation, Mapping) and {"seed", "draws", "training"} <= transformation.keys()
        if not known or any(
            not np.array_equal(value, transformation.get(name)) for name, value in self._named(transformation).items()
        ):
            what = "what get_random_transformation returned, unchanged"
            raise ValueError(f"{self._owner}: expected {what}, got {transformation!r:.200}")
        again = {"seed": transformation["seed"], "draws": transformation["draws"]}
        return self._copy(**again, **changes)

    def _copy(self, **changes: Any) -> Any:
        """A layer that is not built, and like this one but for these attributes."""
        twin = copy.copy(self)
        vars(twin).update({"built": False, "_graph": None, "_first_call": None, **changes})
        return twin

    # -- what becomes of it ---------------------------------------------------------------------------------------

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Pictures, changed as was drawn; a draw without training changes what changes without it."""
        if not in_training(transformation, training):
            return self(images, training=False)
        return self._replayed(transformation)(images, training=True)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Labels of pictures, which stay."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Masks, `(batch, height, width)` or with an axis of channels, moved as the pixels are, without values between.

        Raises
        ------
        ValueError
            The layer changes pictures in ways in which masks cannot be changed; another number of masks than of
            pictures; whole numbers that the dtype of the masks, or float64, does not have.
        """
        training = in_training(transformation, training)
        if self.moves_pixels is None and training:
            raise ValueError(
                f"{self._owner}: masks cannot be changed with pictures; choose layers that move pixels alone"
            )
        if not self.moves_pixels:
            return segmentation_masks
        masks = np.asarray(segmentation_masks)
        self._match("masks", masks.shape, transformation)
        rank = 4 if transformation is None else len(transformation["input_shape"])
        axis = -1 if self.data_format == "channels_last" else -3
        x = np.expand_dims(masks, axis) if masks.ndim == rank - 1 else masks
        changes: dict[str, Any] = {"interpolation": "nearest"} if hasattr(self, "interpolation") else {}
        changes |= {"value_range": (-np.inf, np.inf)} if hasattr(self, "value_range") else {}
        changes |= {"dtype": "float64"} if masks.dtype.kind in "iub" or masks.dtype == np.float64 else {}
        twin = self._replayed(transformation, **changes) if training else self._copy(**changes)
        y = twin(x, training=training)
        y = np.squeeze(y, axis) if masks.ndim == rank - 1 else y
        return self._as_masks(y, masks) if masks.dtype.kind in "iub" else y

    def _as_masks(self, y: Array, masks: Array) -> Array:
        """Numbers of float64 in the dtype of masks of whole numbers."""
        with np.errstate(invalid="ignore"):
            found = y.astype(masks.dtype)
        if not np.array_equal(found, y) or np.abs(y).max(initial=0) > 2**53:
            raise ValueError(
                f"{self._owner}: masks of {masks.dtype} would have other values: they are moved as numbers of float64, "
                f"exact up to 2**53, and what comes in is fill_value, {getattr(self, 'fill_value', 0)}"
            )
        return found

    def _match(self, what: str, shape: Any, transformation: Any) -> None:
        """Refuse another number of masks, or of boxes, than there are pictures."""
        pictures: tuple[int, ...] = () if transformation is None else transformation["input_shape"]
        if len(pictures) == 4 and (not shape or shape[0] != pictures[0]):
            raise ValueError(
                f"{self._owner}: expected {what} of each of {pictures[0]} pictures {tuple(pictures)}, got shape "
                f"{tuple(shape)}"
            )

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Boxes around things: the smallest ones around where their corners go, cut off at the edge of the picture.

        Parameters
        ----------
        bounding_boxes : dict
            "boxes", `(batch, boxes, 4)`, and "labels", `(batch, boxes)`, or both without the batch; lists of different
            lengths are filled up with boxes of 0, labelled -1. What is labelled -1 stays as it is.
        transformation : dict
        training : bool

        Returns
        -------
        dict
            Boxes that have left the picture are labelled -1.

        Raises
        ------
        ValueError
            Pixels move in ways that boxes cannot follow, or no `bounding_box_format` was given; another number of
            boxes than of pictures, or of labels than of boxes.
        """
        training = in_training(transformation, training)
        if self.moves_pixels is False or (self.only_in_training and not training):
            return bounding_boxes
        if self.bounding_box_format is None:
            raise ValueError(
                f"{self._owner}: there are bounding boxes, but it does not know their format; give it "
                'bounding_box_format="xyxy", say'
            )
        if self.moves_pixels is None or type(self).moved is Annotated.moved:
            raise ValueError(f"{self._owner}: boxes cannot follow what it does to pixels; choose other layers")
        if "seed" in transformation:
            self._replayed(transformation)  # refuses one that was changed
        given = filled(self._owner, bounding_boxes)
        size, form = self._sizes(transformation["input_shape"]), self.bounding_box_format
        boxes = convert_format(given["boxes"], form, "xyxy", *size)
        self._match("boxes", boxes.shape, transformation)
        alone = boxes.ndim == 2
        x = boxes[None] if alone else boxes
        corners = x[..., [0, 1, 2, 1, 0, 3, 2, 3]].reshape(len(x), 4 * x.shape[1], 2).astype(np.float64)
        named = transformation if training else {"input_shape": transformation["input_shape"]}
        found = self.moved(corners, named, size).reshape(*x.shape[:2], 4, 2)
        y = np.concatenate([found.min(axis=2), found.max(axis=2)], axis=-1).astype(boxes.dtype)
        out = getattr(self, "height", None) or size[0], getattr(self, "width", None) or size[1]
        cut = clip_to_image_size({"boxes": y[0] if alone else y}, *out)["boxes"]
        kept = np.prod(cut[..., 2:] - cut[..., :2], axis=-1) > 0
        moved = convert_format(cut, "xyxy", form, *out)
        if "labels" not in given:
            return {**given, "boxes": moved}
        labels, none, kept = self._labels(given["labels"], kept)
        return {
            **given,
            "boxes": np.where(none[..., None], given["boxes"], moved),
            "labels": np.where(kept, labels, -1),
        }

    def _labels(self, labels: Array, kept: Array) -> tuple[Array, Array, Array]:
        """Labels of boxes, a class each or one-hot; which boxes stand for none; which labels stay."""
        shape = kept.shape
        if labels.shape in (shape, (1, *shape)):
            return labels, np.reshape(labels == -1, shape), np.reshape(kept, labels.shape)
        if labels.ndim != len(shape) + 1 or labels.shape[:-1] != shape:
            raise ValueError(
                f"{self._owner}: expected labels of shape {shape}, or one-hot, {shape} and the classes, for boxes "
                f"{(*shape, 4)}, got {labels.shape}"
            )
        return labels, (labels == -1).all(axis=-1), kept[..., None]

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        """Where points of pictures of a size go, `(batch, points, 2)`: columns and rows, pixel i reaching from i to
        i + 1."""
        raise NotImplementedError

    @property
    def _owner(self) -> str:
        """The layer, in errors."""
        return f'{type(self).__name__} "{self.name}"'


DATA_FORMATS = ("channels_last", "channels_first")


def in_training(transformation: Any, training: Any) -> bool:
    """Whether a draw is to be used: not if it was one without training."""
    return bool(training) and (not isinstance(transformation, Mapping) or bool(transformation.get("training", True)))
