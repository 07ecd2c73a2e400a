"""Small well-known data sets, as NumPy arrays."""

from pydl.datasets import cifar10, digits, fashion_mnist, mnist

__all__ = ["cifar10", "digits", "fashion_mnist", "mnist"]
