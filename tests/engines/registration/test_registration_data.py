"""Training pairs: exact geometry, seeds, and which items may be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError, PreconditionError
from engines.contract.geometry import apply_homography, invert
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.images import read_image, write_image
from engines.imaging.opencv import cv2
from engines.imaging.retina_modalities import LOOKS
from engines.imaging.transforms.warping import rotate_on_enlarged_canvas
from engines.registration.config import TrainConfig
from engines.registration.data import validation_pair, warp_range, warped_pair
from engines.registration.inference.network_view import network_view
from engines.registration.training.images import LabelledView, load_labelled_view, load_labelled_views

MakeRun = Callable[..., RunFolder]
OpenRun = Callable[[RunFolder], RunContext]


@pytest.fixture(scope="module")
def labelled(make_training: MakeRun, eyes: Path, tmp_path_factory: pytest.TempPathFactory) -> LabelledView:
    run = RunContext.open(make_training(tmp_path_factory.mktemp("views") / "run", eyes))
    run.events.close()
    return load_labelled_view(run, run.manifest.items[0], _config())


def _config(**values: object) -> TrainConfig:
    return TrainConfig.from_values(
        {"image_size_px": 128, "looks_per_item": 5, "scanned_share": 0.4, **values}
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_homography_maps_fixed_to_moving_points_exactly(labelled: LabelledView, seed: int) -> None:
    config = _config()
    pair = warped_pair(labelled, config, warp_range(config), seed)
    assert len(pair.fixed_xy) >= 5
    mapped = apply_homography(pair.homography_moving_from_fixed, pair.fixed_xy)
    assert np.abs(mapped - pair.moving_xy).max() < 1e-3


def test_the_pictures_follow_the_same_homography(labelled: LabelledView) -> None:
    config = _config(
        photometric_strength=0.0,
        polarity_inversion_probability=0.0,
        vesselness_dropout=0.0,
        modality_probability=0.0,
    )
    for seed in range(4):
        pair = warped_pair(labelled, config, warp_range(config), seed)
        columns, rows = np.rint(pair.fixed_xy).astype(int).T
        fixed = pair.channels[0, 1][rows, columns]
        columns, rows = np.rint(pair.moving_xy).astype(int).T
        moving = pair.channels[1, 1][rows, columns]
        assert np.corrcoef(fixed, moving)[0, 1] > 0.5


def test_labels_sit_on_the_points_and_vessels(labelled: LabelledView) -> None:
    config = _config(photometric_strength=0.0, vesselness_dropout=0.0, modality_probability=0.0)
    pair = warped_pair(labelled, config, warp_range(config), 3)
    columns, rows = np.rint(pair.moving_xy).astype(int).T
    assert pair.labels[1][rows, columns].min() > 0.99
    on_points = pair.channels[1, 1][rows, columns].mean()
    assert on_points > 1.5 * pair.channels[1, 1][pair.fields[1] > 0].mean()


def test_pairs_follow_their_seed(labelled: LabelledView) -> None:
    config = _config()
    first, again, other = (warped_pair(labelled, config, warp_range(config), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.channels, again.channels)
    assert not np.allclose(first.homography_moving_from_fixed, other.homography_moving_from_fixed)


def test_turns_start_small() -> None:
    config = _config(rotation_deg=45.0, rotation_start_deg=15.0, rotation_start_epochs=5)
    assert [warp_range(config, epoch).rotation_deg for epoch in (0, 4, 5)] == [15.0, 15.0, 45.0]
    assert warp_range(config).rotation_deg == 45.0


def test_an_inverted_image_takes_the_other_first_layers(labelled: LabelledView) -> None:
    values = {"photometric_strength": 0.0, "vesselness_dropout": 0.0, "modality_probability": 0.0}
    plain = _config(**values, polarity_inversion_probability=0.0)
    inverted = _config(**values, polarity_inversion_probability=1.0)
    first = warped_pair(labelled, plain, warp_range(plain), 1)
    second = warped_pair(labelled, inverted, warp_range(inverted), 1)
    np.testing.assert_allclose(first.channels[:, 0], -second.channels[:, 0], atol=1e-5)
    np.testing.assert_allclose(first.channels[:, 1], second.channels[:, 1], atol=1e-5)
    assert (first.polarities + second.polarities == 1).all()


def test_the_view_does_not_depend_on_canvas_size_turn_or_polarity(eyes: Path) -> None:
    image = read_image(eyes / "eye_0.png")
    plain = network_view(image, 128)
    large = network_view(np.kron(image, np.ones((2, 2, 1), dtype=np.uint8)), 128)
    assert plain.size == large.size
    turned_image, turned_from_plain = rotate_on_enlarged_canvas(image, 30.0)
    turned = network_view(turned_image, 128)
    scales = [np.sqrt(np.linalg.det(view.view_from_native[:2, :2])) for view in (plain, turned)]
    assert scales[0] == pytest.approx(scales[1], rel=0.03)
    assert turned_from_plain.shape == (3, 3)
    assert plain.polarity == "dark"
    assert network_view(255 - image, 128).polarity == "bright"
    corner = apply_homography(invert(plain.view_from_native), [[0.0, 0.0]])
    assert np.abs(corner).max() < 3


def test_looks_of_other_modalities_lie_in_exact_place(labelled: LabelledView) -> None:
    assert {look.name for look in labelled.looks} <= set(LOOKS)
    assert any(look.is_in_place for look in labelled.looks)
    for look in labelled.looks:
        places = apply_homography(look.view_from_reference, labelled.points_xy)
        is_on = ((places >= 6) & (places <= 121)).all(axis=1)
        columns, rows = np.rint(places[is_on]).astype(int).T
        is_seen = look.view.field[rows, columns]
        seen = look.view.vesselness[rows[is_seen], columns[is_seen]]
        assert len(seen) >= 3
        assert seen.mean() > 1.3 * look.view.vesselness[look.view.field].mean(), look.name


def test_pairs_of_two_modalities_keep_exact_geometry(labelled: LabelledView) -> None:
    config = _config(modality_probability=1.0)
    sides = set()
    for seed in range(12):
        pair = warped_pair(labelled, config, warp_range(config), seed)
        sides.add(pair.reference_side)
        mapped = apply_homography(pair.homography_moving_from_fixed, pair.fixed_xy)
        assert np.abs(mapped - pair.moving_xy).max(initial=0.0) < 2e-3
        reference = (pair.fixed_xy, pair.moving_xy)[pair.reference_side]
        gap = np.linalg.norm(reference[:, None] - labelled.points_xy[None], axis=2)
        # The reference has not been moved: its points are the given ones.
        assert gap.min(axis=1).max(initial=0.0) < 1e-3
    assert sides == {0, 1}


def test_validation_changes_the_modality(labelled: LabelledView) -> None:
    config = _config(photometric_strength=0.0, vesselness_dropout=0.0, polarity_inversion_probability=0.0)
    pair = validation_pair(labelled, config, 3)
    again = validation_pair(labelled, config, 3)
    np.testing.assert_array_equal(pair.channels, again.channels)
    angle = np.arctan2(*pair.homography_moving_from_fixed[:2, 0][::-1])
    assert abs(np.rad2deg(angle)) <= 35


def test_a_swapped_transform_is_seen_in_the_images(labelled: LabelledView) -> None:
    from engines.registration.evaluation.scoring import pair_agreement

    config = _config(modality_probability=0.0, photometric_strength=0.3, vesselness_dropout=0.0)
    pairs = [validation_pair(labelled, config, seed) for seed in range(4)]
    right = pair_agreement(pairs)
    wrong = pair_agreement(
        [
            dataclasses.replace(pair, homography_moving_from_fixed=invert(pair.homography_moving_from_fixed))
            for pair in pairs
        ]
    )
    assert right["direction_agreement"] is not None
    assert right["direction_agreement_swapped"] is not None
    assert right["direction_agreement"] > right["direction_agreement_swapped"] + 0.2
    assert wrong["direction_agreement"] == pytest.approx(right["direction_agreement_swapped"])


@pytest.mark.parametrize("source", ["mask", "vesselness", "mask_and_points"])
def test_points_come_from_where_the_settings_say(
    training_run: MakeRun, open_run: OpenRun, source: str
) -> None:
    run = open_run(training_run())
    config = _config(bifurcations=source, looks_per_item=0)
    view = load_labelled_view(run, run.manifest.items[1], config)
    assert len(view.points_xy) >= 5
    assert view.weight == (config.vesselness_weight if source == "vesselness" else 1.0)
    columns, rows = np.rint(view.points_xy).astype(int).T
    near = cv2.dilate(view.vessels.astype(np.uint8), np.ones((7, 7), np.uint8))
    assert near[rows, columns].mean() > 0.6


def test_only_train_and_val_items_are_used(training_run: MakeRun, open_run: OpenRun) -> None:
    splits = (Split.TRAIN, Split.EVALUATION, Split.TEST, Split.VAL)
    run = open_run(training_run(splits))
    config = _config(looks_per_item=0)
    assert [view.item for view in load_labelled_views(run, Split.TRAIN, config)] == ["eye_0"]
    assert [view.item for view in load_labelled_views(run, Split.VAL, config)] == ["eye_3"]


@pytest.mark.parametrize("missing", [Split.TRAIN, Split.VAL])
def test_an_empty_split_is_refused_with_advice(
    training_run: MakeRun, open_run: OpenRun, missing: Split
) -> None:
    present = Split.VAL if missing is Split.TRAIN else Split.TRAIN
    run = open_run(training_run((present, Split.EVALUATION)))
    with pytest.raises(PreconditionError, match=f"'{missing.value}'.*assign"):
        load_labelled_views(run, missing, _config())


def test_masks_that_cannot_be_used_are_refused(
    training_run: MakeRun, open_run: OpenRun, tmp_path: Path
) -> None:
    run = open_run(training_run())
    item = run.manifest.items[0]
    for mask, error in (
        (np.zeros((50, 50), bool), GeometryError),
        (np.zeros((320, 320), bool), PreconditionError),
    ):
        path = tmp_path / "mask.png"
        write_image(path, mask)
        record = item.files["vessel_mask"].model_copy(update={"path": str(path)})
        changed = item.model_copy(update={"files": {**item.files, "vessel_mask": record}})
        with pytest.raises(error, match="eye_0"):
            load_labelled_view(run, changed, _config())
