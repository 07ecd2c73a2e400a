"""Where the C library of this installation lies, for programs that are built with it."""

from __future__ import annotations

from pathlib import Path

from pydl import _core

__all__ = ["get_cmake_dir", "get_include", "get_libraries", "get_library_dirs"]


def get_include() -> str:
    """The folder of `pydl.h`."""
    return str(_beside("include"))


def get_library_dirs() -> list[str]:
    """The folders of `get_libraries()`."""
    return [str(_beside("lib"))]


def get_libraries() -> list[str]:
    """The names of the libraries to link with."""
    return ["pydl"]


def get_cmake_dir() -> str:
    """The folder by which CMake's `find_package(pydl)` finds the library: `-Dpydl_DIR=...`."""
    return str(_beside("lib") / "cmake" / "pydl")


def _beside(name: str) -> Path:
    """A folder beside the compiled module, which need not lie where the Python files do."""
    return Path(_core.__file__).resolve().parent / name
