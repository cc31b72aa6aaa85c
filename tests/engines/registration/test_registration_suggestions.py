"""What a registration suggests: matches of a network, never anything of an unverified transform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.contract.suggestions_file import SuggestionsFile
from engines.registration.inference.pair_result import PairResult
from engines.registration.inference.suggestions import match_scores, suggestions_of

IMAGE = np.zeros((100, 200), dtype=np.uint8)
HASHES = ("f", "m")
MATCHED = PairResult(
    "model",
    np.array([[1.0, 0, 5], [0, 1, 0], [0, 0, 1]]),
    "registered",
    keypoints={
        "fixed_xy": [[20, 20], [80, 50], [150, 80], [100, 20]],
        "moving_xy": [[15, 20], [75.5, 50], [100, 80], [95, 20]],
        "is_inlier": [True, True, True, False],
        "score": [0.7, 0.9, 0.8, 0.95],
    },
)


def test_inliers_that_agree_with_the_transform_are_suggested_with_their_confidence() -> None:
    found = suggestions_of(MATCHED, IMAGE, IMAGE, HASHES, 30)
    assert [(pair.fixed_xy, pair.score) for pair in found.pairs] == [((80.0, 50.0), 0.9), ((20.0, 20.0), 0.7)]
    assert (found.method, found.fixed_sha256, found.moving_sha256, found.reason) == ("model", "f", "m", "")


@pytest.mark.parametrize("verdict", ["uncertain", "not_registered"])
def test_an_unverified_transform_suggests_nothing_and_says_why(verdict: str) -> None:
    found = suggestions_of(replace(MATCHED, verdict=verdict, reason="z = 3."), IMAGE, IMAGE, HASHES, 30)
    assert found.pairs == ()
    assert "not verified" in found.reason
    assert "z = 3." in found.reason


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = suggestions_of(MATCHED, IMAGE, IMAGE, HASHES, 30)
    found.write(tmp_path / "眼.json")
    assert SuggestionsFile.read(tmp_path / "眼.json") == found
    (tmp_path / "眼.json").write_text('{"pairs": 3}', encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        SuggestionsFile.read(tmp_path / "眼.json")


def test_scores_of_matches_are_cosines_of_descriptors() -> None:
    fixed = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32)
    scores = match_scores(fixed, -fixed[:, ::-1] * np.array([-1, -1]), np.array([[1, 1], [0, 2], [0, 0]]))
    np.testing.assert_allclose(scores, [0.96, 1.0, 0.0], atol=1e-6)
