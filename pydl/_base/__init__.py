"""Helpers that depend on no other floor of Python: arguments, arrays, errors, names, seeds, threads, files."""
