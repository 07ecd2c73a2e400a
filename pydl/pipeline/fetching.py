"""A file from the web: whole or not at all, of sane size, without its user's secrets in anything printed or kept."""

from __future__ import annotations

import base64
import gzip
import re
import shutil
import zlib
from email.message import Message
from http.client import HTTPException, responses
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)  # fmt: skip

from pydl.pipeline.memory import available
from pydl.pipeline.packed import is_packed

MOST = 2 << 30  # bytes, unpacked or not
_TIMEOUT = 30.0  # seconds that a server may be silent
_PIECE = 1 << 20
_SCHEMES = ("http", "https")
_SAFE = "%/:=&?~+!$,;'@()*[]|"  # what stays as it is in an address
_ENDING = re.compile(r"(?:\.[a-z0-9]{1,8}){1,2}$", re.IGNORECASE)
_SECRET = re.compile(r"token|key|sig|secret|pass|pwd|auth|cred|session|sas|jwt|code", re.IGNORECASE)
_LONG = 24  # characters: a value of a query that is as long may be a secret under any name
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)", re.IGNORECASE)


def fetched(url: str, folder: Path) -> tuple[Path, list[str]]:
    """A file from the web in a folder, with the ending that tells its format, and what was noticed.

    A user and password in the address are sent to its host only. Redirections lead to http and https only.

    Parameters
    ----------
    url : str
    folder : Path

    Raises
    ------
    ValueError
        One line: no http(s) address; no answer, or none in time; a web page; more than `MOST` bytes or the memory that
        is free; fewer bytes than promised.
    """
    shown, request = public(url), _request(url)
    most, noticed = min(MOST, available()), list[str]()
    raw = folder / "raw"
    try:
        with _opener().open(request, timeout=_TIMEOUT) as answer, raw.open("wb") as target:
            if answer.status != 200:
                raise ValueError(f"the server answered {answer.status} {responses.get(answer.status, '')}".strip())
            about = answer.headers
            length = about.get("Content-Length", "")
            promised = int(length) if length.isdecimal() else None
            if promised is not None:
                _allow(promised, most)
            count = _copied(answer, target, most)
            if promised is not None and count != promised:
                raise ValueError(f"the connection ended after {count:,} of {promised:,} bytes; try again")
            if promised is None and about.get("Transfer-Encoding", "").lower() != "chunked":
                noticed.append("the server did not say how long the file is, so that a part would be taken for all")
            names = [url, answer.url, about.get_filename() or ""]
        file = folder / f"table{_ending(names, about)}"
        _decoded(raw, file, about.get("Content-Encoding", "").strip().lower(), most)
        with file.open("rb") as content:
            if _HTML.match(content.read(512)):
                raise ValueError("this is a web page; expected the address of a file, such as a CSV")
    except HTTPError as error:
        error.close()
        what = responses.get(error.code, "")
        if error.code in (301, 302, 303, 307, 308):
            what += ", to no address of http(s), or round in a circle"
        raise ValueError(f"{shown}: the server answered {error.code} {what}") from None
    except TimeoutError:
        raise ValueError(f"{shown}: no answer within {_TIMEOUT:.0f} seconds") from None
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise ValueError(f"{shown}: no answer within {_TIMEOUT:.0f} seconds") from None
        why = getattr(error.reason, "strerror", "") or error.reason
        raise ValueError(f"{shown}: cannot be fetched: {why}") from None
    except (HTTPException, OSError, EOFError, zlib.error) as error:
        # Not the text of exceptions about addresses, which may hold a password.
        why = getattr(error, "strerror", "") or f"the answer is broken or ends early ({type(error).__name__})"
        raise ValueError(f"{shown}: cannot be fetched: {why}") from None
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from None
    return file, noticed


def public(url: str) -> str:
    """An address without user and password, fragment, and those values of its query that may be secrets."""
    parts = _split(url)
    query = "&".join(_public_value(each) for each in parts.query.split("&")) if parts.query else ""
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' * bool(query)}{query}"


def _public_value(pair: str) -> str:
    name, sign, value = pair.partition("=")
    if sign:
        return f"{name}=***" if _SECRET.search(name) or len(value) >= _LONG else pair
    return "***" if len(name) >= _LONG else pair


def _split(url: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is looked at only now
    except ValueError:
        raise ValueError(
            "DATA: expected an address such as https://example.org/table.csv, got one that is none"
        ) from None
    if parts.scheme.lower() not in _SCHEMES:
        raise ValueError(f"DATA: expected a file or an address of http or https, got one of {parts.scheme}")
    if not parts.hostname:
        raise ValueError("DATA: expected an address such as https://example.org/table.csv, got one without a host")
    return parts


def _request(url: str) -> Request:
    parts = _split(url)
    host = parts.netloc.rpartition("@")[2]
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    request = Request(f"{parts.scheme}://{host}{quote(parts.path, safe=_SAFE) or '/'}{query}")
    request.add_header("User-Agent", "pydl")
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(secret).decode()}")
    return request


class _Redirections(HTTPRedirectHandler):
    """To http(s) only; user and password go on to the same host and port alone."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:  # fmt: skip
        if urlsplit(newurl).scheme.lower() not in _SCHEMES:
            raise HTTPError(req.full_url, code, msg, headers, fp)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        secret = req.unredirected_hdrs.get("Authorization")
        if following is not None and secret and (following.type, following.host) == (req.type, req.host):
            following.add_unredirected_header("Authorization", secret)
        return following


def _opener() -> OpenerDirector:
    opener = OpenerDirector()  # not `build_opener`, which would follow to ftp: and file:
    for handler in (
        ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), _Redirections(), HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _copied(source: Any, target: IO[bytes], most: int) -> int:
    """How many bytes were copied."""
    count = 0
    while piece := source.read(_PIECE):
        count += len(piece)
        _allow(count, most)
        target.write(piece)
    return count


def _allow(count: int, most: int) -> None:
    if count > most:
        raise ValueError(f"more than {most / 1e9:,.1f} GB, the most that is fetched: download and cut it")


def _decoded(raw: Path, file: Path, encoding: str, most: int) -> None:
    """What a server packed for the way is unpacked; a file that is packed itself stays as it is."""
    with raw.open("rb") as content:
        packed = is_packed(content.read(6))
    if encoding in ("gzip", "x-gzip") and packed == "gzip":
        with gzip.open(raw) as source, file.open("wb") as target:
            _copied(source, target, most)
        raw.unlink()
    elif encoding in ("", "identity", "gzip", "x-gzip"):
        shutil.move(raw, file)
    else:
        raise ValueError(f"the server packed the file as {encoding[:20]!r}; expected gzip or nothing: download it")


def _ending(names: list[str], about: Message) -> str:
    """What the address, or the server, calls the file; JSON, which no first bytes tell, also by its type."""
    paths = [unquote(urlsplit(name).path).rpartition("/")[2] for name in names]
    ending = next((found[0].lower() for path in paths if (found := _ENDING.search(path))), "")
    is_json = "json" in about.get_content_type() and not ending.endswith((".gz", ".zip", ".csv", ".tsv"))
    return ".json" if is_json and "json" not in ending else ending
