from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.segmentation.slices.labels import CODINGS, detect_coding, labels_of, regions_of


@pytest.mark.parametrize(
    ("cases", "key"),
    [
        ({"a": [1, 2, 4], "b": [1, 2]}, "2017"),
        ({"a": [1, 2], "b": [2]}, "2017"),
        ({"a": [1, 2, 3], "b": [2]}, "2023"),
        ({"a": [1, 2, 3, 4], "b": [1, 2, 4], "c": [2, 3]}, "2012"),
        ({"a": [9]}, "binary"),
        ({"a": [1], "b": [1]}, "binary"),
    ],
)
def test_one_coding_is_found_over_all_cases(cases: dict[str, list[int]], key: str) -> None:
    assert detect_coding(cases).key == key


def test_two_codings_are_refused_with_the_cases() -> None:
    with pytest.raises(InputError, match="two codings: b have label 3, a have label 4"):
        detect_coding({"a": [1, 2, 4], "b": [1, 2, 3]})


def test_label_3_and_label_4_data_give_the_same_regions() -> None:
    old = np.array([0, 1, 2, 4])
    new = np.where(old == 4, 3, old)
    np.testing.assert_array_equal(regions_of(old, CODINGS["2017"], 3), regions_of(new, CODINGS["2023"], 3))
    oldest = np.array([0, 1, 2, 3, 4])
    expected = [[False, True, True, True, True], [False, True, False, True, True], [False] * 4 + [True]]
    np.testing.assert_array_equal(regions_of(oldest, CODINGS["2012"], 3), expected)


@pytest.mark.parametrize("key", ["2017", "2023"])
def test_regions_become_labels_of_the_same_coding(key: str) -> None:
    coding = CODINGS[key]
    labels = np.array([0, 1, 2, coding.bright], dtype=np.uint8)
    np.testing.assert_array_equal(labels_of(regions_of(labels, coding, 3), coding), labels)


def test_a_part_outside_the_whole_tumour_does_not_count() -> None:
    regions = np.array([[True, False], [True, True], [True, True]])
    np.testing.assert_array_equal(labels_of(regions, CODINGS["2017"]), [4, 0])
    np.testing.assert_array_equal(labels_of(regions[:1], CODINGS["binary"]), [1, 0])
