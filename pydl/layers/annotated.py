"""What comes with pictures, and has to be changed with them: labels, masks, boxes around things."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl._base.boxes import FORMATS, clip_to_image_size, convert_format
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

    def get_random_transformation(self, data: Any, training: bool = True, seed: int | None = None) -> dict[str, Any]:
        """What the next call would draw, as that call: for `transform_images` and its kin.

        Parameters
        ----------
        data : array, or dict with "images"
            Pictures, of which the shape matters.
        training : bool
        seed : int, optional
            Default: the layer's own, or one of the stream that `pydl.utils.set_random_seed` starts.

        Returns
        -------
        dict
            "seed" and "draws", which bring the draw back; "input_shape"; and, of layers that have such, what follows
            from it, named as in Keras.
        """
        shape = np.shape(data["images"] if isinstance(data, Mapping) else data)
        own = self.seed if seed is None else seed
        drawn = {"seed": next_seed() % 2**62, "draws": 0} if own is None else {"seed": own, "draws": self.draws}
        self.draws += 1
        named: dict[str, Any] = {}
        if training and self.numbers:
            batch = 1 if len(shape) == 3 else shape[0]
            u = drawn_numbers(drawn["seed"] + 1, drawn["draws"], batch * self.numbers).reshape(batch, -1)
            named = self.drawn(u.T[..., None, None, None], self._sizes(shape))
        return {**drawn, "input_shape": shape, **named}

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        """What follows from numbers in [0, 1), `(numbers, batch, 1, 1, 1)`, for pictures of this height and width."""
        return {}

    def _sizes(self, shape: Any) -> tuple[int, int]:
        """Height and width of pictures of this shape."""
        height, width = shape[-2:] if self.data_format == "channels_first" else shape[-3:-1]
        return int(height), int(width)

    def _replayed(self, transformation: Mapping[str, Any] | None, **changes: Any) -> Any:
        """A copy of the layer whose next call draws what was drawn."""
        if transformation is None or "seed" not in transformation:
            raise ValueError(
                f"{self._owner}: expected what get_random_transformation returned, got {transformation!r:.200}"
            )
        twin = copy.copy(self)
        again = {"seed": transformation["seed"], "draws": transformation["draws"]}
        vars(twin).update({"built": False, "_graph": None, **again, **changes})
        return twin

    # -- what becomes of it ---------------------------------------------------------------------------------------

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Pictures, changed as was drawn."""
        return self._replayed(transformation)(images, training=training)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Labels of pictures, which stay."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Masks, `(batch, height, width)` or with an axis of channels, moved as the pixels are, without values between.

        Raises
        ------
        ValueError
            The layer changes pictures in ways in which masks cannot be changed.
        """
        if self.moves_pixels is None:
            raise ValueError(
                f"{self._owner}: masks cannot be changed with pictures; choose layers that move pixels alone"
            )
        if not self.moves_pixels:
            return segmentation_masks
        masks = np.asarray(segmentation_masks)
        axis = -1 if self.data_format == "channels_last" else -3 + len(transformation["input_shape"]) - masks.ndim
        flat = masks.ndim < len(transformation["input_shape"])
        x = np.expand_dims(masks, -1 if axis == -1 else -3) if flat else masks
        changes = {"interpolation": "nearest"} if hasattr(self, "interpolation") else {}
        y = self._replayed(transformation, **changes)(x, training=training)
        y = np.squeeze(y, -1 if axis == -1 else -3) if flat else y
        return y.astype(masks.dtype) if masks.dtype.kind in "biu" else y

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
            Pixels move in ways that boxes cannot follow, or no `bounding_box_format` was given.
        """
        if self.moves_pixels is False or (self.only_in_training and not training):
            return bounding_boxes
        if self.bounding_box_format is None:
            raise ValueError(
                f"{self._owner}: there are bounding boxes, but it does not know their format; give it "
                'bounding_box_format="xyxy", say'
            )
        if self.moves_pixels is None or type(self).moved is Annotated.moved:
            raise ValueError(f"{self._owner}: boxes cannot follow what it does to pixels; choose other layers")
        given = filled(self._owner, bounding_boxes)
        size, form = self._sizes(transformation["input_shape"]), self.bounding_box_format
        boxes = convert_format(given["boxes"], form, "xyxy", *size)
        alone = boxes.ndim == 2
        x = boxes[None] if alone else boxes
        corners = x[..., [0, 1, 2, 1, 0, 3, 2, 3]].reshape(len(x), -1, 2).astype(np.float64)
        found = self.moved(corners, transformation, size).reshape(len(x), -1, 4, 2)
        y = np.concatenate([found.min(axis=2), found.max(axis=2)], axis=-1).astype(boxes.dtype)
        out = getattr(self, "height", None) or size[0], getattr(self, "width", None) or size[1]
        cut = clip_to_image_size({"boxes": y[0] if alone else y}, *out)["boxes"]
        kept = np.prod(cut[..., 2:] - cut[..., :2], axis=-1) > 0
        found = convert_format(cut, "xyxy", form, *out)
        if "labels" not in given:
            return {**given, "boxes": found}
        labels, shape = given["labels"], boxes.shape[:-1]
        if labels.size == kept.size:  # a class each; else one-hot
            none = np.reshape(labels == -1, shape)
            return {**given, "boxes": np.where(none[..., None], given["boxes"], found),
                    "labels": np.where(np.reshape(kept, labels.shape), labels, -1)}  # fmt: skip
        if labels.shape[:-1] != shape:
            raise ValueError(
                f"{self._owner}: expected labels of shape {shape}, or {(*shape, 'classes')}, for boxes of shape "
                f"{boxes.shape}, got {labels.shape}"
            )
        none = (labels == -1).all(axis=-1)
        return {**given, "boxes": np.where(none[..., None], given["boxes"], found),
                "labels": np.where(kept[..., None], labels, -1)}  # fmt: skip

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        """Where points of pictures of a size go, `(batch, points, 2)`: columns and rows, pixel i reaching from i to
        i + 1."""
        raise NotImplementedError

    @property
    def _owner(self) -> str:
        """The layer, in errors."""
        return f'{type(self).__name__} "{self.name}"'


DATA_FORMATS = ("channels_last", "channels_first")


def filled(owner: str, bounding_boxes: Any) -> dict[str, Any]:
    """A dict of boxes as arrays; lists of different lengths are filled up with boxes of 0, labelled -1."""
    if not isinstance(bounding_boxes, Mapping) or "boxes" not in bounding_boxes:
        raise ValueError(f'{owner}: expected boxes as {{"boxes": ..., "labels": ...}}, got {bounding_boxes!r:.200}')
    boxes, labels = bounding_boxes["boxes"], bounding_boxes.get("labels")
    several = isinstance(boxes, list | tuple) and any(np.ndim(each) != 1 for each in boxes)
    if several and len({len(each) for each in boxes}) > 1:
        most = max(len(each) for each in boxes)
        rows = [np.reshape(np.asarray(each, np.float32), (-1, 4)) for each in boxes]
        boxes = np.stack([np.pad(row, ((0, most - len(row)), (0, 0))) for row in rows])
        known = [np.ones(len(row), np.int64) for row in rows] if labels is None else [np.asarray(v) for v in labels]
        if [len(v) for v in known] != [len(row) for row in rows]:
            raise ValueError(
                f"{owner}: expected a label for each box, {[len(row) for row in rows]} of them, got "
                f"{[len(v) for v in known]}"
            )
        labels = np.stack([np.pad(v, (0, most - len(v)), constant_values=-1) for v in known])
    found = {**bounding_boxes, "boxes": np.asarray(boxes, np.float32)}
    return found if labels is None else {**found, "labels": np.asarray(labels)}
