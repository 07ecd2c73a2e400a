"""Where Keras 2 had functions that are in `pydl.utils`."""

from pydl.preprocessing import image, sequence, text
from pydl.utils import image_dataset_from_directory, text_dataset_from_directory, timeseries_dataset_from_array

__all__ = [
    "image", "image_dataset_from_directory", "sequence", "text", "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]  # fmt: skip
