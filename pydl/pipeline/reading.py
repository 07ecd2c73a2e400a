"""What the user knows about how a file is written, which overrules what is found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_DELIMITERS = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "blanks": r"\s+", " ": r"\s+"}

_MARKS = {"point": ".", "comma": ",", "blank": " ", "none": ""}


class Found(NamedTuple):
    """How a file that was learnt from was written, for later ones that do not tell it themselves.

    Attributes
    ----------
    notation : str or None
        Of numbers with a comma.
    encoding : str or None
        What text that is no UTF-8 was read as.
    width : int or None
        How many columns there were, if they had no names.
    about : bool
        Whether lines below the names may be about the columns, as there were some, or as nothing is known.
    """

    notation: str | None = None
    encoding: str | None = None
    width: int | None = None
    about: bool = True


NOTHING_FOUND = Found()


@dataclass(frozen=True)
class Reading:
    """How to read text; None and nothing: to be found out.

    Attributes
    ----------
    delimiter : str or None
        One character, or ``tab`` or ``blanks``.
    decimal, thousands : str or None
        The characters in numbers.
    encoding : str or None
        A name that Python knows.
    header : bool or None
        Whether the first record holds the names of the columns.
    missing : tuple of str
        More words that stand for a missing value in every column.
    wanted : tuple of str
        Columns that are known to be in the table, by which its header is found.
    codes : tuple of str or None
        Columns of codes of two letters, among which NA is one and no missing value.
    strict : bool
        Refuse a row of too many values rather than leave it out.
    found : Found
        Of a file that was learnt from.
    targets : tuple of str
        Columns that a file without names may lack.
    weights : str or None
        Another one, if it was learnt with weights.

    Raises
    ------
    ValueError
        A value of another kind, named as the option of the command line.
    """

    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    codes: tuple[str, ...] | None = None
    strict: bool = False
    found: Found = NOTHING_FOUND
    targets: tuple[str, ...] = ()
    weights: str | None = None

    def __post_init__(self) -> None:
        for option in ("decimal", "thousands"):
            object.__setattr__(self, option, _MARKS.get(getattr(self, option), getattr(self, option)))
        if self.delimiter is not None and self.delimiter not in _DELIMITERS and len(self.delimiter) != 1:
            raise ValueError(f"--delimiter: expected one character, tab or blanks, got {self.delimiter!r}")
        if self.delimiter in ('"', "\n", "\r"):
            raise ValueError(f"--delimiter: {self.delimiter!r} cannot part columns; expected another character")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"--decimal: expected point or comma, got {self.decimal!r}")
        if self.thousands not in (None, ".", ",", " ", "'", ""):
            raise ValueError(f"--thousands: expected point, comma, blank, ' or none, got {self.thousands!r}")
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError(f"--thousands and --decimal are both {self.decimal!r}; expected two characters")
        if self.encoding is not None:
            try:
                "a\n".encode(self.encoding).decode(self.encoding, errors="replace")  # not of Python's other codecs
            except (LookupError, ValueError, TypeError):
                raise ValueError(
                    f"--encoding: expected a name such as utf-8, cp1252 or latin-1, got {self.encoding!r}"
                ) from None

    @property
    def column_delimiter(self) -> str | None:
        """What parts columns."""
        return self.delimiter if self.delimiter is None else _DELIMITERS.get(self.delimiter, self.delimiter)

    @property
    def notation(self) -> str | None:
        """How numbers are written, if that is known."""
        if self.decimal is None and self.thousands not in (".", ","):
            return None
        from pydl.pipeline import values  # which takes long to import: options are read before data are

        return values.COMMA if self.decimal == "," or self.thousands == "." else values.POINT


AS_FOUND = Reading()
