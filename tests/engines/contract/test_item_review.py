"""Reviews and probabilities that engines write for the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError
from engines.contract.item_review import Conflict, ItemReview, Reason, ReviewStep
from engines.contract.probability_file import SparseProbability


def test_a_review_is_read_as_it_was_written(tmp_path: Path) -> None:
    review = ItemReview(
        status="review",
        reasons=(Reason(rule="volume", text="Grew by {percent} %.", values={"percent": 31.5}),),
        values={"volume_before_ml": 1.5, "note": "é", "dice_to_input": None},
        steps=(ReviewStep(role="label_map", title="Refined"),),
        threshold=0.5,
        conflicts=(Conflict(winner=9, loser=6, num_voxels=12),),
        priority=(9, 6),
    )
    path = tmp_path / "病例 1.json"
    review.write(path)
    assert ItemReview.read(path) == review


@pytest.mark.parametrize("text", ["", "{}", '{"status": "perhaps"}', '{"status": "accept", "threshold": 2}'])
def test_a_damaged_review_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="Run the pipeline again"):
        ItemReview.read(path)


def test_a_probability_keeps_the_box_that_is_not_empty(tmp_path: Path) -> None:
    full = np.zeros((6, 7, 8), np.float32)
    full[2:4, 5, 1:3] = 0.75
    full[0, 0, 0] = 0.01
    full[5, 5, 5] = np.nan
    path = tmp_path / "p.npz"
    SparseProbability.of(full, label=9).write(path)
    read = SparseProbability.read(path)
    assert read.label == 9
    assert read.values.shape == (2, 1, 2)
    np.testing.assert_array_equal(read.full(), np.where(full == 0.75, 0.75, 0.0))


def test_an_empty_probability_has_an_empty_box(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    SparseProbability.of(np.zeros((3, 4, 5))).write(path)
    assert SparseProbability.read(path).full().shape == (3, 4, 5)


def test_a_box_outside_the_grid_is_refused() -> None:
    with pytest.raises(GeometryError):
        SparseProbability((4, 4, 4), (slice(2, 6), slice(0, 1), slice(0, 1)), np.zeros((4, 1, 1), np.float16))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"no archive"])
def test_a_damaged_probability_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="Run the pipeline again"):
        SparseProbability.read(path)
