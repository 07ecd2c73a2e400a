"""The page at `/`: a form for a person. It is one file that names no other; what models want it asks `/form`."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Page:
    """A page and its headers."""

    body: bytes
    headers: list[tuple[bytes, bytes]]


def read() -> Page:
    """The page, with a policy that lets run its own script only, and speak to this server only."""
    text = Path(__file__).with_name("page.html").read_text("utf-8")
    style, script = (_hashes(text, tag) for tag in ("style", "script"))
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "content-type": "text/html; charset=utf-8", "content-security-policy": policy,
        "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-cache",
    }  # fmt: skip
    return Page(text.encode(), [(k.encode(), v.encode()) for k, v in headers.items()])


def _hashes(text: str, tag: str) -> str:
    parts = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(p.encode()).digest()).decode()}'" for p in parts)
