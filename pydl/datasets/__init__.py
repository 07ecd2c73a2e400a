"""Small well-known data sets, as NumPy arrays."""

from pydl.datasets import boston_housing, california_housing, cifar10, cifar100, digits, fashion_mnist, mnist

__all__ = ["boston_housing", "california_housing", "cifar10", "cifar100", "digits", "fashion_mnist", "mnist"]
