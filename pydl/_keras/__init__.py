"""Keras's own files: their configs and weights, and what they are here."""
