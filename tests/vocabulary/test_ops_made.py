"""Functions of pydl.ops that are made of others, and those without gradients: values, gradients, errors."""

import re

import numpy as np
import pytest

import pydl
from pydl import ops
from pydl._engine.tape import gradient_of
from tests.vocabulary.test_ops import CUBE, RNG, A, B

GAPS = np.where(A > 0.9, np.nan, A)
GAPS[1] = np.nan
V, W = RNG.normal(size=(2, 5, 3))
QUERY, KEY, VALUE = RNG.normal(size=(3, 2, 5, 3, 4))

#: Functions made of others: calls, and what NumPy gives.
MADE = {
    **{name: [(GAPS[::2], 1), (GAPS[::2],)] for name in ("nanmax", "nanmin")},
    **{name: [(GAPS,), (GAPS, 0), (GAPS[::2], 1)] for name in ("nansum", "nanprod", "nanmean", "nanvar",
                                                                          "nanstd", "nanmedian")},
    "nancumsum": [(GAPS, 1), (GAPS,)], "nancumprod": [(GAPS, 0)], "nanargmax": [(GAPS[::2], 1)],
    "nanargmin": [(GAPS[::2], 1)], "nanquantile": [(GAPS[::2], 0.3, 1)], "nanpercentile": [(GAPS[::2], 30)],
    "append": [(A, B), (A, B, 1)], "dstack": [([A, B],), ([A[0], B[0]],)], "array_split": [(A, 2, 1)],
    "vsplit": [(A, 3)], "hsplit": [(A, 2), (A[0], 2)], "dsplit": [(CUBE, 2)], "fliplr": [(A,)], "flipud": [(A,)],
    "rot90": [(CUBE,), (CUBE, 2), (CUBE, 3, (1, 2)), (A, -1), (A, 4)], "diagflat": [(A,), (A[0], -1)],
    "ptp": [(A,), (A, 1)], "percentile": [(A, 40, 1), (A, [5, 95])], "diff": [(A,), (CUBE, 2, 1)],
    "trapezoid": [(A,), (A, None, 0.5, 0), (A, np.array([0.0, 1, 3, 4])), (CUBE, np.array([0.0, 1, 3]), 1.0, 1)],
    "corrcoef": [(A,)], "inner": [(A, B), (CUBE, B), (2.0, B)], "vdot": [(A, B)], "kron": [(A, B)],
    "cross": [(V, W)], "fmax": [(GAPS, B)], "fmin": [(GAPS, B)], "deg2rad": [(A,)], "rad2deg": [(A,)],
    "allclose": [(A, A + 1e-9), (A, B)], "average": [(A, 1, B), (A, 0, np.arange(3.0)), (A,)],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*(Mean of empty|Degrees of freedom|All-NaN).*:RuntimeWarning")
@pytest.mark.parametrize("name", MADE)
def test_functions_made_of_others(name):
    for args in MADE[name]:
        wanted = getattr(np, name)(*args)
        found = getattr(ops, name)(*args)
        assert np.shape(found) == np.shape(wanted)
        for one, other in zip(np.atleast_1d(found), np.atleast_1d(wanted), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_gradients_of_functions_made_of_others():
    def difference(function, x):
        slope = np.zeros_like(x)
        for at in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[at] = 1e-6
            slope[at] = (function(x + step) - function(x - step)).sum() / 2e-6
        return slope

    for function in (
        lambda x: ops.nanvar(x, axis=1), lambda x: ops.cross(x[:, :3], A[:, 1:]), lambda x: ops.cdist(x, B),
        lambda x: ops.layer_normalization(x, A[0], B[0]), lambda x: ops.trapezoid(x, axis=0), ops.corrcoef,
        lambda x: ops.clip(x, -0.3, x * x), lambda x: ops.top_k(x, 2)[0], lambda x: ops.average(x, 1, ops.exp(x)),
    ):  # fmt: skip
        np.testing.assert_allclose(gradient_of(function, A), difference(function, A), rtol=1e-5, atol=1e-7)


def test_reductions_that_keep_axes():
    for name in ("nanmax", "nanmin", "nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmedian", "ptp"):
        found = getattr(ops, name)(GAPS[::2], axis=1, keepdims=True)
        np.testing.assert_allclose(found, getattr(np, name)(GAPS[::2], axis=1, keepdims=True))


def test_attention_normalization_and_special_functions():
    logits = np.einsum("bthd,bshd->bhts", QUERY, KEY) / 2
    for options, seen in (
        ({}, np.ones((5, 5), bool)), ({"is_causal": True}, np.tri(5, dtype=bool)),
        ({"mask": (RNG.random((2, 3, 5, 5)) > 0.3) | np.eye(5, dtype=bool)}, None),
    ):  # fmt: skip
        shown = np.exp(np.where(options.get("mask", seen), logits, -np.inf))
        wanted = np.einsum("bhts,bshd->bthd", shown / shown.sum(-1, keepdims=True), VALUE)
        np.testing.assert_allclose(ops.dot_product_attention(QUERY, KEY, VALUE, **options), wanted, rtol=1e-9)
    centred = CUBE - CUBE.mean((1, 2), keepdims=True)
    wanted = centred / np.sqrt((centred**2).mean((1, 2), keepdims=True) + 0.1) * A + B
    np.testing.assert_allclose(ops.layer_normalization(CUBE, A, B, (1, 2), 0.1), wanted)
    np.testing.assert_allclose(ops.rms_normalization(A, B[0], epsilon=0.0), A / np.sqrt((A**2).mean(1))[:, None] * B[0])
    wanted = (CUBE - A[:, :1]) / np.sqrt(B[:, :1] + 1e-3) * A[:, 1:2] + B[:, 1:2]
    found = ops.batch_normalization(CUBE, A[:, 0], B[:, 0], 1, B[:, 1], A[:, 1])
    np.testing.assert_allclose(found, wanted)
    x = np.array([-1, -0.999999, -0.3, 0, 1e-9, 0.5, 1, 2])
    np.testing.assert_allclose(ops.erf(ops.erfinv(x[1:-2])), x[1:-2], rtol=1e-12)
    np.testing.assert_array_equal(ops.erfinv(x[[0, 3, 6, 7]]), [-np.inf, 0, np.inf, np.nan])


def test_places_and_segments():
    np.testing.assert_array_equal(
        ops.scatter([[0, 1], [2, 0], [2, 0]], np.array([1.0, 2, 3]), (3, 2)), [[0, 1], [0, 0], [5, 0]]
    )
    found = ops.scatter_update(np.zeros((2, 2)), [[1], [1]], np.array([[1.0, 2], [3, 1]]), "max")
    np.testing.assert_array_equal(found, [[0, 0], [3, 2]])
    np.testing.assert_array_equal(ops.slice_update(np.zeros((2, 3)), [0, 1], np.ones((2, 1))), [[0, 1, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match=r"slice_update: \(2, 1\) from \[1, 1\] on is not inside \(2, 3\)"):
        ops.slice_update(np.zeros((2, 3)), [1, 1], np.ones((2, 1)))
    data, groups = np.array([1, 5, 2, 7]), [0, 2, 0, -1]
    np.testing.assert_array_equal(ops.segment_sum(data, groups), [3, 0, 5])
    np.testing.assert_array_equal(ops.segment_max(data, groups, 3), [2, np.iinfo(data.dtype).min, 5])
    np.testing.assert_array_equal(ops.segment_prod(data, groups, 4), [2, 1, 5, 1])


def test_a_tensor_where_numbers_belong_is_refused():
    x = pydl.Input((3,))
    with pytest.raises(TypeError, match=r"pydl\.ops\.round: expected numbers as decimals, got <SymbolicTensor"):
        ops.round(x, pydl.Input((3,)))
    y = ops.clip(x, -1.0, ops.abs(x) / 2)
    np.testing.assert_allclose(pydl.Model(x, y)(np.array([[-4.0, 1, 3]])), [[-1, 0.5, 1.5]])


def test_singular_matrices_give_nan():
    x = np.stack([np.eye(2), np.ones((2, 2))])
    found = ops.inv(x)
    np.testing.assert_array_equal(found[0], np.eye(2))
    assert np.isnan(found[1]).all()
    assert np.isnan(ops.solve(x, x)[1]).all()


def test_trees_through_loops():
    """Lists, tuples and dicts of arrays, as JAX has them; a list of numbers is an array."""
    found = ops.map(lambda x: {"square": x**2, "ten": (x * 10,)}, np.arange(4))
    np.testing.assert_array_equal(found["square"], [0, 1, 4, 9])
    np.testing.assert_array_equal(found["ten"][0], [0, 10, 20, 30])
    np.testing.assert_array_equal(ops.map(lambda t: t["a"] + t["b"][0], {"a": A, "b": [2 * A]}), 3 * A)
    np.testing.assert_array_equal(ops.map(lambda x: 2 * x, [1, 2, 3]), [2, 4, 6])
    carry, ys = ops.scan(lambda c, x: (c + x["a"], c * x["b"]), 0, {"a": np.arange(3), "b": np.arange(3)})
    assert carry == 3
    np.testing.assert_array_equal(ys, [0, 0, 2])


def test_numbers_that_loops_give_are_arrays():
    assert ops.while_loop(lambda i: i < 3, lambda i: i + 1, 0).shape == ()
    i, x = ops.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, {"x": x["x"] * 2}), (0, {"x": 1.5}))
    assert (i.shape, x["x"].shape, float(x["x"])) == ((), (), 12.0)
    assert ops.fori_loop(0, 3, lambda i, v: v + i, 0).shape == ()


def test_what_runs_along_an_axis():
    for axis in (0, 1, 2):
        np.testing.assert_allclose(ops.associative_scan(np.add, CUBE, axis=axis), np.cumsum(CUBE, axis))
        back = np.flip(np.cumsum(np.flip(CUBE, axis), axis), axis)
        np.testing.assert_allclose(ops.associative_scan(np.add, CUBE, reverse=True, axis=axis), back)
    both = ops.associative_scan(lambda x, y: {k: x[k] * y[k] for k in x}, {"a": A, "b": B})
    np.testing.assert_allclose(both["b"], np.cumprod(B, 0))


def test_several_choices_and_powers():
    x = np.arange(6)
    np.testing.assert_array_equal(ops.select([x < 3, x > 3], [x, x**2], 42), np.select([x < 3, x > 3], [x, x**2], 42))
    t = pydl.Input((4,))
    model = pydl.Model(t, [ops.select([t < 0, t < 1], [-t, t * 10], 7.0), ops.rearrange(t, "b (h w) -> b w h", h=2)])
    chosen, turned = model(A)
    np.testing.assert_allclose(chosen, np.select([A < 0, A < 1], [-A, A * 10], 7), rtol=1e-6)
    np.testing.assert_allclose(turned, A.reshape(3, 2, 2).transpose(0, 2, 1), rtol=1e-6)
    for n in (None, 0, 2, 5):
        for increasing in (False, True):
            np.testing.assert_array_equal(ops.vander([1, 2, 3], n, increasing), np.vander([1, 2, 3], n, increasing))
    np.testing.assert_array_equal(ops.vectorize(lambda a, b: a + b)([1, 2, 3], 2), [3, 4, 5])
    product = ops.vectorize(lambda m, v: m @ v, signature="(m,n),(n)->(m)")
    np.testing.assert_allclose(product(CUBE, CUBE[0, 0]), CUBE @ CUBE[0, 0])
    for call, match in (
        (lambda: ops.select([], []), "as many conditions as choices"),
        (lambda: ops.select(A > 0, [A]), "must be lists"),
        (lambda: ops.vander(A), "expected one axis"),
        (lambda: ops.vectorize(3), "expected a function"),
    ):
        with pytest.raises(ValueError, match=match):
            call()


@pytest.mark.parametrize(
    ("pattern", "lengths", "shape"),
    [
        ("b h w c -> b c h w", {}, (2, 4, 6, 8)), ("b h w c -> (b h) w c", {}, (12, 8, 4)),
        ("b h w c -> h (b w) c", {}, (6, 16, 4)), ("b h w c -> b (c h w)", {}, (2, 192)),
        ("b (h1 h) (w1 w) c -> (b h1 w1) h w c", {"h1": 2, "w1": 4}, (16, 3, 2, 4)),
        ("b (h h1) (w w1) c -> b h w (c h1 w1)", {"h1": 2, "w1": 2}, (2, 3, 4, 16)),
    ],
)  # fmt: skip
def test_rearranged(pattern, lengths, shape):
    x = np.arange(2 * 6 * 8 * 4).reshape(2, 6, 8, 4)
    y = ops.rearrange(x, pattern, **lengths)
    assert y.shape == shape
    before, after = (side.strip() for side in pattern.split("->"))
    np.testing.assert_array_equal(
        ops.rearrange(y, f"{after} -> {before}", **{**lengths, **_sizes(before, x, lengths)}), x
    )


def _sizes(side, x, lengths):
    """All sizes of axes, by their names."""
    found = {}
    for group, size in zip(re.findall(r"\([^()]*\)|\w+", side), x.shape, strict=True):
        names = group.strip("()").split()
        rest = int(np.prod([lengths.get(name, 1) for name in names]))
        found |= {name: lengths.get(name, size // rest) for name in names}
    return found


@pytest.mark.parametrize(
    ("pattern", "lengths", "match"),
    [
        ("b h -> b w", {}, "each name once on both sides"), ("b b -> b b", {}, "each name once"),
        ("b h", {}, "expected a pattern"), ("b h w -> w h b", {}, "is of 3 axes, got shape"),
        ("b (h w) -> b h w", {}, "does not part"), ("b (h w) -> b h w", {"h": 3}, "does not part"),
        ("b h -> h b", {"k": 1}, "has no axis 'k'"),
    ],
)  # fmt: skip
def test_patterns_that_do_not_fit(pattern, lengths, match):
    with pytest.raises(ValueError, match=match):
        ops.rearrange(A, pattern, **lengths)
