"""Where Keras 1 and 2 had these functions."""

from pydl.utils import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]
