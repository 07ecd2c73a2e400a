"""Files from the web, each fetched once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from pydl._base.args import one_of

_HASHES = {32: "md5", 64: "sha256"}  # by the number of hexadecimal digits


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file from the web, which is downloaded if it is not there yet.

    Parameters
    ----------
    fname : str, optional
        Its name here; default that at `origin`.
    origin : str
        Its URL.
    untar : bool
        Old name of `extract`, for tar files.
    md5_hash : str, optional
        Old name of `file_hash`.
    file_hash : str, optional
        The SHA-256 or MD5 of the file in hexadecimal digits; a file with another one is not kept.
    cache_subdir, cache_dir : str, optional
        Files are kept in ``cache_dir/cache_subdir``; default of `cache_dir`: KERAS_HOME, else ``~/.keras``, where Keras
        keeps its own.
    hash_algorithm : "auto", "sha256" or "md5"
        "auto" tells by the number of digits.
    extract : bool
        Whether the file is an archive, to be unpacked; members that would land outside its folder are refused.
    archive_format : "auto", "tar", "zip" or None
        "auto": tar (compressed or not) or zip, whichever it is; None: nothing is unpacked.
    force_download : bool
        Whether to download what is there already.

    Returns
    -------
    str
        The file, or the folder that an archive was unpacked into.

    Raises
    ------
    ValueError
        No URL, or an `fname` with folders; a hash that is another one than expected.
    OSError
        When the download fails.
    """
    if origin is None:
        raise ValueError("get_file: origin is None; pass the URL of the file")
    one_of("get_file", "hash_algorithm", hash_algorithm, ("auto", "sha256", "md5"))
    given = os.fspath(fname) if fname else ""
    name = given or Path(urllib.parse.unquote(urllib.parse.urlsplit(origin).path)).name
    if not name or Path(name).name != name:
        raise ValueError(
            f"get_file: fname: expected a name without folders for {origin!r}, got {given!r}; see cache_dir"
        )
    folder = Path(cache_dir or os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser() / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    unpack = extract or untar
    stem = name.partition(".")[0] if given else name
    target = folder / (f"{name}_archive" if unpack and not (given and "." in name) else name)
    digest = file_hash or md5_hash
    kind = "md5" if digest and digest == md5_hash and not file_hash else hash_algorithm
    if force_download or not target.exists() or not _has(target, digest, kind):
        _download(origin, target, digest, kind)
    if not unpack:
        return str(target)
    into = folder / (f"{stem}_extracted" if given and "." in name else stem)
    if not into.exists() or force_download:
        _unpack(target, into, "tar" if untar and not extract else archive_format)
    return str(into)


def _has(path: Path, digest: str | None, kind: str) -> bool:
    """Whether a file has a hash; without one, any file does."""
    if digest is None:
        return True
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, _HASHES.get(len(digest), "sha256") if kind == "auto" else kind)
    return found.hexdigest() == digest.lower()


def _download(origin: str, target: Path, digest: str | None, kind: str) -> None:
    """Fetch a file beside its place, and move it there when it is whole and has its hash."""
    print(f"Downloading data from {origin}", file=sys.stderr)
    handle, part = tempfile.mkstemp(prefix=target.name, dir=target.parent)
    try:
        with open(handle, "wb") as file, urllib.request.urlopen(origin) as answer:
            shutil.copyfileobj(answer, file)
        if not _has(Path(part), digest, kind):
            raise ValueError(
                f"get_file: {origin} is not the file expected: its hash is not {digest}; download it again"
            )
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)


def _unpack(archive: Path, into: Path, formats: str | list[str] | None) -> None:
    """Unpack an archive into a folder, whole or not at all."""
    import tarfile
    import zipfile

    wanted = ["tar", "zip"] if formats == "auto" else [formats] if isinstance(formats, str) else formats or []
    with tempfile.TemporaryDirectory(dir=into.parent) as part:
        if "tar" in wanted and tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")
        elif "zip" in wanted and zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(part)
        else:
            raise ValueError(f'get_file: "{archive}" is no archive of the formats {wanted}; pass extract=False')
        if into.exists():
            shutil.rmtree(into)
        os.chmod(part, 0o755)
        shutil.copytree(part, into)
