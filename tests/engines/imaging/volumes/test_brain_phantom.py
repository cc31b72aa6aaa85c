from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.volumes.brain_phantom import (
    ENHANCING,
    HIGH,
    LOW,
    MODALITIES,
    SITES,
    CohortOptions,
    draw_brain,
    plan_cohort,
)
from engines.imaging.volumes.brain_phantom_oracle import oracle_rows

SMALL = CohortOptions(num_subjects=24, num_held_out=8)


def test_the_same_options_give_the_same_brains() -> None:
    first, second = plan_cohort(SMALL), plan_cohort(SMALL)
    assert first == second
    one, other = draw_brain(first[3], SMALL), draw_brain(second[3], SMALL)
    for name in MODALITIES:
        np.testing.assert_array_equal(one.modalities[name].voxels, other.modalities[name].voxels)


def test_a_brain_is_whole_and_lies_inside_its_grid() -> None:
    subject = plan_cohort(SMALL)[0]
    phantom = draw_brain(subject, SMALL)
    labels = phantom.label_map.voxels
    assert set(np.unique(labels)) <= {0, 1, 2, ENHANCING}
    assert not (labels[~phantom.brain]).any()
    geometry = phantom.label_map.geometry
    assert (labels > 0).sum() * geometry.voxel_volume_ml == pytest.approx(subject.volume_ml, rel=0.02)
    for name in MODALITIES:
        voxels = phantom.modalities[name].voxels
        np.testing.assert_array_equal(voxels > 0, phantom.brain)


def test_grades_sites_and_splits_are_as_planned() -> None:
    subjects = plan_cohort()
    low = [subject for subject in subjects if subject.grade == LOW]
    assert (len(subjects), len(low)) == (200, 40)
    test = [subject for subject in subjects if subject.split == "test"]
    assert len(test) == 60
    assert sum(subject.grade == LOW for subject in test) == 12
    assert sum(subject.site == SITES[0] for subject in low) == 20
    # Names give nothing away.
    places = [number for number, subject in enumerate(subjects) if subject.grade == LOW]
    assert 60 < np.mean(places) < 140


def test_the_site_shortcut_can_be_switched_on() -> None:
    subjects = plan_cohort(CohortOptions(has_site_shortcut=True))
    low = [subject.site == SITES[1] for subject in subjects if subject.grade == LOW]
    high = [subject.site == SITES[1] for subject in subjects if subject.grade == HIGH]
    assert np.mean(low) == pytest.approx(0.9)
    assert np.mean(high) == pytest.approx(0.1)


def test_a_threshold_fails_and_uptake_tells_the_grades_apart() -> None:
    rows = oracle_rows(plan_cohort(SMALL), SMALL)
    assert rows["otsu_dice"] is not None
    assert rows["otsu_dice"] < 0.6
    assert rows["volume_auc"] is not None
    assert 0.5 < rows["volume_auc"] < 0.8
    assert rows["appearance_auc"] is not None
    assert rows["appearance_auc"] > 0.9


@pytest.mark.slow
def test_the_whole_cohort_is_as_hard_as_intended() -> None:
    rows = oracle_rows(plan_cohort(), CohortOptions())
    assert rows["otsu_dice"] <= 0.60
    assert 0.60 <= rows["volume_auc"] <= 0.70
    assert 0.95 <= rows["appearance_auc"] <= 0.98
    assert rows["site_auc"] == 0.5
