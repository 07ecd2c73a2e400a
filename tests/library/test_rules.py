"""What `rules.def` says of families of kernels, beside what the other tables say of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pydl
from pydl import layers as L
from pydl.models import plan_file

ROOT = Path(__file__).parents[2]
RULES = {name: set(optional.split()) for name, optional in
         re.findall(r'^RULE\((\w+), "([^"]*)"', (ROOT / "src/_lib/rules.def").read_text(), re.MULTILINE)}  # fmt: skip


def test_every_family_has_a_rule_or_is_refused() -> None:
    families = set(re.findall(r"^PD_FAMILY\((\w+),", (ROOT / "src/_core/families.def").read_text(), re.MULTILINE))
    assert families - RULES.keys() == plan_file.UNCHECKED


def test_what_may_be_null() -> None:
    """As the C tests of kernels know it; slots, which depend on the optimizer, have a condition of their own."""
    text = (ROOT / "tests/c/test_ops.c").read_text()
    optional = {name: set(fields.split()) for name, fields in re.findall(r'\{"(\w+)", " ([a-z_0-9 ]+) "\}', text)}
    assert len(optional) > 20
    for name, fields in RULES.items():
        assert fields - {"s0", "s1"} == optional.get(name, set()), name


def test_an_unchecked_record_is_refused(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((4, 4, 1)), L.RandomRotation(0.1), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    model.export(tmp_path / "m.plan.safetensors")
    with pytest.raises(ValueError, match='export: record "image_affine_fwd" is not run from files'):
        model.export(tmp_path / "m.plan.safetensors", training=True)
