"""Every argument of Keras's that pydl lacks has a reason, in the code and in the docs."""

from __future__ import annotations

from tests import signatures


def test_what_is_missing_has_a_reason() -> None:
    bare = [f"{place}({name}=)" for place, name in signatures.missing() if signatures.reason(place, name) is None]
    assert not bare, "take these as Keras does, or say in tests/signatures.py why not"


def test_a_missing_argument_is_found() -> None:
    assert ("Model.export", "input_signature") in signatures.missing()
    assert {"units", "kernel_regularizer", "name", "dtype"} <= signatures.arguments(signatures.pydl.layers.Dense)
    assert signatures.reason("layers.Dense", "units") is None


def test_no_reason_is_given_for_what_is_there() -> None:
    used = {key for place, name in signatures.missing() for key in (name, f"{place}.{name}")}
    assert not set(signatures.REASONS) - used


def test_the_page_shows_the_table() -> None:
    page = signatures.PAGE.read_text()
    assert signatures.START + signatures.table() + signatures.END in page, "run python -m tests.signatures"
