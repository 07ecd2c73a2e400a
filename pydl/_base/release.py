"""Which pydl this is: what the compiled core was built as, since metadata of packages take a tenth of the import."""

from pydl import _core

VERSION: str = _core.version()
