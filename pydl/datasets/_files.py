"""Where the files of data sets come from: a folder of the user's, or the network."""

import os
from pathlib import Path


def fetch(name: str, url: str, checksum: str) -> Path:
    """The path of a data file: from the folder `PYDL_DATA_DIR` if it is there, else downloaded once and checked.

    Downloads are kept in ``~/.cache/pydl`` (the platform's cache folder).

    Parameters
    ----------
    name : str
        The file's name in either folder.
    url : str
        Where it is published.
    checksum : str
        ``"sha256:..."`` or ``"md5:..."``.

    Raises
    ------
    ImportError
        When a download is needed and pooch is not installed.
    ValueError
        When what was downloaded does not have the checksum.
    """
    if path := local(name):
        return path
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f'"{name}" is not in PYDL_DATA_DIR and downloading it needs pooch: pip install "pydl[datasets]", or set '
            f"PYDL_DATA_DIR to a folder that has it"
        ) from error
    return Path(pooch.retrieve(url, checksum, fname=name, path=pooch.os_cache("pydl")))


def local(name: str) -> Path | None:
    """The path of a data file in the folder `PYDL_DATA_DIR`, if it is there."""
    folder = os.environ.get("PYDL_DATA_DIR")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.is_file() else None
