import numpy as np
import pytest

from workstation.views.runs.run_curves import DebiasedMean, thin


def test_first_mean_is_the_first_value_and_not_pulled_to_zero():
    assert DebiasedMean(0.95).extend(np.array([7.0]))[0] == pytest.approx(7.0)


def test_a_constant_stays_constant():
    np.testing.assert_allclose(DebiasedMean(0.95).extend(np.full(500, 3.0)), 3.0)


def test_appending_in_pieces_gives_the_same_line_as_all_at_once():
    values = np.random.default_rng(0).random(300)
    values[40:50] = np.nan
    whole = DebiasedMean(0.9).extend(values)
    mean = DebiasedMean(0.9)
    pieces = np.concatenate([mean.extend(part) for part in np.split(values, [1, 45, 200])])
    np.testing.assert_allclose(pieces, whole)


def test_undefined_values_stay_undefined_and_do_not_enter_the_mean():
    means = DebiasedMean(0.5).extend(np.array([2.0, np.nan, 2.0]))
    assert np.isnan(means[1])
    np.testing.assert_allclose(means[[0, 2]], 2.0)


def test_no_smoothing_returns_the_values():
    values = np.array([1.0, 5.0, 2.0])
    np.testing.assert_allclose(DebiasedMean(0.0).extend(values), values)


def test_short_series_are_not_thinned():
    values = np.arange(50.0)
    assert thin(values, values, 20)[1] is values


def test_thinned_series_has_gaps_only_where_a_whole_stretch_is_undefined():
    values = np.arange(100.0)
    values[10:20], values[33] = np.nan, np.nan
    steps, thinned = thin(np.arange(100.0), values, 10)
    assert np.isnan(thinned[2:4]).all()
    assert np.isfinite(np.delete(thinned, [2, 3])).all()
    assert (np.diff(steps) >= 0).all()
