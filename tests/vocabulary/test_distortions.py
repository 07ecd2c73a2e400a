"""Layers that mix, shear, tilt, equalize or jitter pictures: values from formulas, labels that are mixed alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

import pydl
from pydl import layers as L
from pydl._base import sampling
from pydl.layers import distorting, mixing


def pictures(n: int, channels: int = 3) -> Any:
    return np.random.default_rng(0).random((n, 6, 7, channels)).astype(np.float32)


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 0.9, 1.0, 3.0])
def test_shares_are_distributed_as_beta(alpha: float) -> None:
    u = (np.arange(2000) + 0.5) / 4000
    x = mixing._beta(u, alpha)
    np.testing.assert_allclose(mixing._beta(1 - u, alpha), 1 - x, rtol=1e-7)
    known = x > 1e-300  # of a small alpha, the least are below what floats hold
    assert known.sum() > 900
    np.testing.assert_allclose(stats.beta.cdf(x, alpha, alpha)[known], u[known], atol=1e-4)


def test_mixed_pictures_and_labels() -> None:
    x, labels = pictures(300), np.eye(300, dtype=np.float32)
    layer = L.MixUp(0.7, seed=1)
    mixed = layer({"images": x, "labels": labels, "names": "kept"})
    assert mixed["names"] == "kept"
    y, shares = mixed["images"], mixed["labels"]
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(y, np.tensordot(shares, x, 1), rtol=1e-5, atol=1e-6)  # labels say what each is made of
    other = (shares * (1 - labels)).argmax(axis=1)
    assert len(np.unique(other)) > 280, "each picture is mixed into another one"
    own = np.diag(shares)[other != np.arange(300)]
    assert stats.kstest(own, stats.beta(0.7, 0.7).cdf).pvalue > 1e-4
    again = L.MixUp(0.7, seed=1)(x)
    np.testing.assert_array_equal(again, y)
    same = layer({"images": x, "labels": labels}, training=False)
    np.testing.assert_array_equal(same["images"], x)
    np.testing.assert_array_equal(same["labels"], labels)
    with pytest.raises(ValueError, match=r"labels\" that are one-hot, \(batch, classes\)"):
        layer({"images": x, "labels": np.arange(300)})


def test_boxes_of_other_pictures() -> None:
    x = np.zeros((400, 20, 30, 2), np.float32) + np.arange(400, dtype=np.float32)[:, None, None, None]
    mixed = L.CutMix((0.6, 0.6), seed=2)({"images": x, "labels": np.eye(400)})
    y, shares = mixed["images"], mixed["labels"]
    cut = (y != x)[..., 0]
    np.testing.assert_array_equal((y != x)[..., 1], cut)
    rows, columns = cut.any(axis=2).sum(axis=1), cut.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(cut.sum(axis=(1, 2)), rows * columns)
    for picture, box, share in zip(y, cut, shares, strict=True):
        others = np.unique(picture[box])
        assert len(others) <= 1
        if len(others):
            assert share[int(others[0])] == pytest.approx(box.mean(), abs=0.09)  # whole pixels
    kept = np.diag(shares)[(shares > 0).sum(axis=1) > 1]
    assert stats.kstest(kept, stats.beta(0.6, 0.6).cdf).pvalue > 1e-4
    assert rows[cut.any(axis=(1, 2))].mean() == pytest.approx(2 / 3 * columns[cut.any(axis=(1, 2))].mean(), abs=1)


@pytest.mark.parametrize(
    ("fill_mode", "scipy_mode"),
    [("reflect", "reflect"), ("wrap", "grid-wrap"), ("constant", "grid-constant"), ("nearest", "nearest")],
)
@pytest.mark.parametrize(("interpolation", "order"), [("bilinear", 1), ("nearest", 0)])
def test_places_beyond_the_edge(fill_mode: str, scipy_mode: str, interpolation: str, order: int) -> None:
    x = pictures(2).astype(np.float64)
    rows, columns = np.random.default_rng(1).uniform(-9, 15, (2, 2, 5, 4))
    got = sampling.read(x, rows, columns, fill_mode, 0.25, interpolation)
    for k in range(2):
        for channel in range(3):
            expected = ndimage.map_coordinates(
                x[k, ..., channel], [rows[k], columns[k]], order=order, mode=scipy_mode, cval=0.25
            )
            np.testing.assert_allclose(got[k, ..., channel], expected, rtol=1e-9, atol=1e-12)


def test_sheared() -> None:
    x = np.repeat(np.arange(6.0, dtype=np.float32)[:, None], 7, axis=1)[None, ..., None]  # the number of the row
    x = np.concatenate([x, np.repeat(np.arange(7.0, dtype=np.float32)[None], 6, axis=0)[None, ..., None]], axis=-1)
    i, j = np.mgrid[:6, :7].astype(float)
    seen = set()
    for y in L.RandomShear((0.5, 0.5), (0.25, 0.25), fill_mode="nearest", seed=1)(np.repeat(x, 40, axis=0)):
        for sign in (1, -1):
            rows, columns = np.clip(i + sign * 0.25 * j, 0, 5), np.clip(j + sign * 0.5 * i, 0, 6)
            if np.allclose(y, np.stack([rows, columns], axis=-1), atol=1e-5):
                seen.add(sign)
                break
        else:
            pytest.fail("neither way")
    assert seen == {1, -1}
    drawn = L.RandomShear(0.4, fill_mode="nearest", seed=3)(np.repeat(x, 500, axis=0))[:, 1, 2, 1] - 2
    assert -0.4 <= drawn.min() < -0.35
    assert 0.35 < drawn.max() <= 0.4
    np.testing.assert_array_equal(L.RandomShear()(x), x)


def test_corners_come_from_where_they_were() -> None:
    before = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], float)
    after = before + np.random.default_rng(0).uniform(-1, 1, (3, 4, 2))
    a, b, c, d, e, f, g, h = sampling.perspective(np.stack([before] * 3), after).T[..., None]
    x, y = after[..., 0], after[..., 1]
    depth = g * x + h * y + 1
    np.testing.assert_allclose((a * x + b * y + c) / depth, np.tile(before[:, 0], (3, 1)), atol=1e-9)
    np.testing.assert_allclose((d * x + e * y + f) / depth, np.tile(before[:, 1], (3, 1)), atol=1e-9)


def test_tilted() -> None:
    x = pictures(300)
    np.testing.assert_allclose(L.RandomPerspective(1.0, 0.0, seed=1)(x), x, rtol=1e-5, atol=1e-6)
    y = L.RandomPerspective((0.3, 0.3), 0.8, fill_value=9, seed=1)(x)
    changed = (y != x).any(axis=(1, 2, 3))
    assert abs(changed.mean() - 0.3) < 0.1
    assert y.max() == pytest.approx(9, rel=1e-5), "what is beyond the picture"
    np.testing.assert_allclose(y[changed, 0, 0], x[changed, 0, 0], rtol=1e-4)  # the corner that stays


def test_equalized() -> None:
    x = np.array([10, 10, 20, 30, 30, 30, 40, 200], np.float32).reshape(1, 2, 4, 1)
    # 2, 3, 6, 7 and 8 of 8 values are in a bin or below; the first bin has 2: (n - 2) / 6 of 255, rounded
    np.testing.assert_array_equal(L.Equalization()(x).ravel(), [0, 0, 42, 170, 170, 170, 212, 255])
    np.testing.assert_allclose(L.Equalization((0, 1))(x / 255), L.Equalization()(x) / 255, rtol=1e-6)
    np.testing.assert_array_equal(L.Equalization()(np.full((1, 3, 3, 2), 7.0)), 7)
    np.testing.assert_array_equal(L.Equalization(bins=2)(x).ravel(), [10, 10, 20, 30, 30, 30, 40, 200])
    np.testing.assert_array_equal(L.Equalization()(x, training=False), x)


def adapted(x: Any, tiles: tuple[int, int], limit: float) -> Any:
    """The values 0 to 255 of one channel, spread by the histograms of tiles, one pixel after the other."""
    spans = [-(-n // of) for n, of in zip(x.shape, tiles, strict=True)]
    full = np.pad(x, [(0, s * of - n) for s, of, n in zip(spans, tiles, x.shape, strict=True)], mode="symmetric")
    tables = {}
    for i, j in np.ndindex(*tiles):
        tile = full[i * spans[0] : (i + 1) * spans[0], j * spans[1] : (j + 1) * spans[1]].astype(int)
        counts = np.bincount(tile.ravel(), minlength=256).astype(float)
        if limit > 0:
            most = limit * tile.size / 256
            counts = np.minimum(counts, most) + np.maximum(counts - most, 0).sum() / 256
        below = np.cumsum(counts)
        tables[i, j] = np.clip((below - below[0]) * 255 / ((tile.size - below[0]) or 1), 0, 255)
    y = np.zeros(x.shape)
    for r, c in np.ndindex(*x.shape):
        at = [(k - s / 2) / s for k, s in zip((r, c), spans, strict=True)]
        low = [int(np.floor(a)) for a in at]
        for i, j in np.ndindex(2, 2):
            near = tuple(int(np.clip(a + k, 0, of - 1)) for a, k, of in zip(low, (i, j), tiles, strict=True))
            share = np.prod([a - b if k else 1 - (a - b) for a, b, k in zip(at, low, (i, j), strict=True)])
            y[r, c] += share * tables[near][int(x[r, c])]
    return y


@pytest.mark.parametrize(("tiles", "limit"), [((2, 3), 4.0), ((1, 1), 0.0), ((4, 2), 1.5)])
def test_values_spread_by_the_histograms_of_tiles(tiles: tuple[int, int], limit: float) -> None:
    x = np.clip(np.random.default_rng(2).normal(120, 50, (2, 9, 11, 2)), 0, 255).astype("float64")
    layer = L.ContrastLimitedAdaptiveHistogramEqualization((0, 255), limit, tiles, dtype="float64")
    y = layer(x)
    for k, c in np.ndindex(2, 2):
        np.testing.assert_allclose(y[k, ..., c], adapted(x[k, ..., c], tiles, limit), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(layer(x, training=False), y)
    np.testing.assert_array_equal(layer(x[0]), y[0])
    model = pydl.Sequential([pydl.Input((9, 11, 2), dtype="float64"), layer])
    np.testing.assert_array_equal(model.predict(x), y)
    unit = L.ContrastLimitedAdaptiveHistogramEqualization((0, 1), limit, tiles, dtype="float64")
    np.testing.assert_allclose(unit(np.floor(x) / 255 + 1e-9), layer(np.floor(x)) / 255, rtol=1e-6)


def test_stirred_pictures() -> None:
    """What lies in a line is read from near by; the farther, the larger the scale; no scale changes nothing."""
    rows = np.broadcast_to(np.arange(40.0)[:, None, None], (4, 40, 40, 1)).astype("float32")
    layers = [L.RandomElasticTransform((1, 1), (s, s), fill_mode="nearest", seed=5) for s in (0.2, 0.6)]
    off = [np.abs(layer(rows) - rows) for layer in layers]
    assert 0 < off[0].mean() < off[1].mean() < 8
    assert (off[1].max(axis=(1, 2, 3)) > 0).all()
    np.testing.assert_array_equal(L.RandomElasticTransform(scale=0)(rows), rows)
    np.testing.assert_array_equal(L.RandomElasticTransform(factor=0)(rows), rows)
    flat = np.full((3, 8, 8, 1), 7.0)
    np.testing.assert_allclose(L.RandomElasticTransform(seed=1)(flat), flat, rtol=1e-5)


def test_paler_colours() -> None:
    x = pictures(4)
    gray = (x.astype(float) @ [0.2989, 0.587, 0.114])[..., None]
    y = L.RandomColorDegeneration((0.25, 0.25), (0, 1))(x)
    np.testing.assert_allclose(y, 0.75 * x + 0.25 * gray, rtol=1e-5)
    np.testing.assert_allclose(L.RandomColorDegeneration((1, 1), (0, 1))(x), np.repeat(gray, 3, -1), rtol=1e-5)


def test_ways_drawn_from_a_list() -> None:
    """Each as the layer of its name: with factors that leave no choice they can be told."""
    x, layer, f = pictures(4), L.RandAugment((0, 1), 1, (0.3, 0.3)), (0.3, 0.3)
    unit, u = {"value_range": (0, 1)}, np.full((3, 4, 1, 1, 1), 0.25)
    sheared = distorting.RandomShear(f, f).change(x, u)
    expected = [
        sheared, L.RandomTranslation(f, f)(x), L.RandomRotation(f)(x), L.RandomBrightness(f, (0, 1))(x),
        L.RandomColorDegeneration(f, **unit)(x), None, L.RandomSharpness(f, **unit)(x), L.Solarization(f, f, **unit)(x),
        L.RandomPosterization(2, **unit)(x), L.AutoContrast((0, 1))(x), L.Equalization((0, 1))(x),
    ]  # fmt: skip
    mean = x.mean(axis=(1, 2), keepdims=True)
    expected[5] = np.clip((x - mean) * (0.7 + 0.25 * 0.6) + mean, 0, 1)
    for k, y in enumerate(expected):
        drawn = np.concatenate([np.full((1, 4, 1, 1, 1), (k + 0.5) / len(expected)), u])
        np.testing.assert_allclose(layer.change(x, drawn), y, rtol=1e-4, atol=1e-5, err_msg=str(k))
    two = L.RandAugment((0, 1), 2, (0.3, 0.3))
    both = two.change(x, np.concatenate([np.full((1, 4, 1, 1, 1), 3.5 / 11), u, np.full((1, 4, 1, 1, 1), 9.5 / 11), u]))
    np.testing.assert_allclose(both, L.AutoContrast((0, 1))(expected[3]), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="expected pictures of 3 channels"):
        L.RandAugment()(pictures(2, 1))


def test_chains_are_mixed_by_what_is_drawn() -> None:
    x, layer = pictures(4), L.AugMix((0, 1), 2, 2, (0.3, 0.3), alpha=0.7)
    assert layer.numbers == 1 + 2 * 2 * 4

    def numbers(*which: float) -> Any:  # the ways of both chains; all other numbers are 0.25
        u = np.full((17, 4, 1, 1, 1), 0.25)
        u[1::4] = np.reshape(which, (4, 1, 1, 1, 1))
        return u

    none, brighter, inverted = 11.5 / 12, 3.5 / 12, 7.5 / 12
    np.testing.assert_allclose(layer.change(x, numbers(*[none] * 4)), x, atol=1e-6)
    rng = np.random.default_rng(2**30)
    own, shares = rng.beta(0.7, 0.7), rng.dirichlet([0.7, 0.7])
    solarized = L.Solarization((0.3, 0.3), (0.3, 0.3), (0, 1))
    first = solarized(L.RandomBrightness((0.3, 0.3), (0, 1))(x))
    expected = own * x + (1 - own) * (shares[0] * first + shares[1] * x)
    np.testing.assert_allclose(layer.change(x, numbers(brighter, inverted, none, none)), expected, atol=1e-6)
    few = L.AugMix((0, 1), 2, 2, (0.3, 0.3), alpha=0.7, all_ops=False)  # seven ways: the fourth is the eighth of all
    expected = own * x + (1 - own) * (shares[0] * solarized(x) + shares[1] * x)
    np.testing.assert_allclose(few.change(x, numbers(3.5 / 8, none, none, none)), expected, atol=1e-6)


def test_jittered_is_one_after_the_other() -> None:
    x = pictures(5)
    y = L.RandomColorJitter((0, 1), 0.2, 0.3, (0.3, 0.7), 0.2, seed=4)(x)
    for layer in (
        L.RandomBrightness(0.2, (0, 1), seed=4), L.RandomContrast(0.3, (0, 1), seed=5),
        L.RandomSaturation((0.3, 0.7), (0, 1), seed=6), L.RandomHue(0.2, (0, 1), seed=7),
    ):  # fmt: skip
        x = layer(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(L.RandomColorJitter()(x), x)


@pytest.mark.parametrize("make", [L.MixUp, L.CutMix, lambda: L.RandomShear(0.2)])
def test_in_a_model_threads_change_no_bit(make: Any) -> None:
    x, y = pictures(32), np.zeros((32, 1), np.float32)
    weights = []
    for threads in (1, 3):
        pydl.utils.set_random_seed(5)
        pydl.config.set_num_threads(threads)
        model = pydl.Sequential([pydl.Input(x.shape[1:]), make(), L.Flatten(), L.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=10, epochs=2, verbose=0)
        weights.append(model.get_weights()[0])
    pydl.config.set_num_threads(None)
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: L.MixUp(0), "`alpha` must be a finite number > 0"),
        (lambda: L.CutMix(2), r"`factor` must be in the range \[0, 1\]"),
        (lambda: L.RandomShear(fill_mode="mirror"), "Invalid value for argument `fill_mode`. Expected one of"),
        (
            lambda: L.RandomPerspective(interpolation="cubic"),
            "Invalid value for argument `interpolation`. Expected one of",
        ),
        (lambda: L.RandomElasticTransform(scale=1.5), "in the range \\[0, 1\\]"),
        (lambda: L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(0, 2)), "`tile_grid_size`"),
        (lambda: L.Equalization(bins=0), "Argument `bins` must be an integer > 0"),
    ],
)
def test_what_is_refused(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
