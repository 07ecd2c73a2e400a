"""`python -m pydl.config`: what a compiler needs to build a program with the C library."""

from __future__ import annotations

import argparse

from pydl._base import linking


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pydl.config", description=__doc__)
    parser.add_argument("--cflags", action="store_true", help="options for the compiler")
    parser.add_argument("--libs", action="store_true", help="options for the linker")
    parser.add_argument("--cmakedir", action="store_true", help="the folder for -Dpydl_DIR= of CMake")
    asked = parser.parse_args()
    words = [f"-I{linking.get_include()}"] if asked.cflags else []
    for folder in linking.get_library_dirs() if asked.libs else ():
        words += [f"-L{folder}", *(f"-l{name}" for name in linking.get_libraries()), f"-Wl,-rpath,{folder}"]
    if asked.cmakedir:
        words.append(linking.get_cmake_dir())
    if not words:
        parser.error("expected --cflags, --libs or --cmakedir")
    print(*words)


if __name__ == "__main__":
    main()
