"""Where Keras 2 had these functions."""

from pydl.utils import pad_sequences

__all__ = ["pad_sequences"]
