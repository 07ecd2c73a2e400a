"""Where Keras 2 had functions that are in `pydl.utils`."""

from pydl.preprocessing import image, sequence
from pydl.utils import timeseries_dataset_from_array

__all__ = ["image", "sequence", "timeseries_dataset_from_array"]
