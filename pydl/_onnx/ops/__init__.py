"""Layers for the ops of ONNX, in files by their kind."""

from pydl._onnx.ops import arithmetic, images, normalizing, pointwise, pooling, products, reducing, shaping
from pydl._onnx.ops.table import handler, known

__all__ = ["arithmetic", "handler", "images", "known", "normalizing", "pointwise", "pooling", "products", "reducing",
           "shaping"]  # fmt: skip
