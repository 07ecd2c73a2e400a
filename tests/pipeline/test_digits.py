"""Figures as text in tables."""

import pytest

from pydl.pipeline.digits import between, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.7734, "0.7734"), (0.000236, "0.000236"), (-0.000148, "-0.000148"), (0.0, "0.0000"), (1.0, "1.0000"),
     (54355.2, "54,355"), (4128, "4,128"), (None, "-")],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_intervals() -> None:
    assert between([0.000115, 0.000358]) == "0.000115 to 0.000358"
    assert between([0.7561, 0.788]) == "0.756 to 0.788"
    assert between([52319.4, 56360]) == "52,319 to 56,360"
    assert between(None) == ""


def test_shares() -> None:
    assert [percent(share) for share in (0.0, 0.0025, 0.006, 0.25, 0.994, 0.9975, 1.0)] == [
        "0%", "<1%", "1%", "25%", "99%", ">99%", "100%"
    ]  # fmt: skip
