"""Volumes in and out: scores, tiles, marks, and whole runs on small phantoms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch

from engines.contract.errors import CheckpointError, InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Warned, read_events
from engines.contract.kinds import Action, Split
from engines.contract.manifest import FileRecord, ItemRecord
from engines.contract.panels import PanelFile
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.imaging.volumes.dicom_series import find_series, read_series
from engines.imaging.volumes.thorax_phantom import ThoraxOptions, make_thorax
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.synthesis.evaluation.metrics import (
    bootstrap_interval,
    high_frequency_ratio,
    score_volume,
    seam_ratio,
)
from engines.synthesis.inference.full_slices import make_slices
from engines.synthesis.inference.scale import padded, tiled, unpadded
from engines.synthesis.inference.secondary_capture import MARK, is_marked, write_secondary_capture
from engines.synthesis.model import Architecture, SynthesisNetwork
from engines.synthesis.volumes.canonical import axis_turn

_OPTIONS = ThoraxOptions(side_px=40, num_slices=6, spacing_mm=(8.0, 8.0, 12.0))


def test_padding_and_tiles_give_back_what_they_were_given() -> None:
    image = torch.randn(2, 3, 37, 50)
    larger, pad = padded(image, 8)
    assert larger.shape[2:] == (40, 56)
    assert torch.equal(unpadded(larger, pad), image)
    assert torch.allclose(tiled(lambda part: 2 * part, image, 24, 3), 2 * image, atol=1e-5)
    assert padded(torch.randn(1, 3, 5, 5), 32)[0].shape[2:] == (32, 32)


def _masks(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    vessel = np.zeros(shape, dtype=bool)
    vessel[4:8, 4:8] = True
    return {"body": np.ones(shape, dtype=bool), "lung": np.zeros(shape, dtype=bool), "vessel": vessel}


def test_scores_of_a_known_error() -> None:
    random = np.random.default_rng(0)
    real = random.normal(50, 20, (16, 16, 4)).astype(np.float32)
    masks = _masks(real.shape)
    real[masks["vessel"]] += 300
    plain = real - 300 * masks["vessel"]
    found = score_volume(real + 10, real, plain, masks, vessel_hu=150, data_range=(-1000, 1000))
    assert found["mae_hu"] == pytest.approx(10, abs=1e-3)
    assert found["psnr_db"] == pytest.approx(20 * np.log10(2000 / 10), abs=1e-2)
    assert found["vessel_contrast_ratio"] == pytest.approx(1.0, abs=1e-3)
    assert found["lung_mae_hu"] is None
    assert found["vessel_dice"] == pytest.approx(1.0)
    same = score_volume(real, real, plain, masks, vessel_hu=150, data_range=(-1000, 1000))
    assert same["psnr_db"] is None
    assert same["ssim"] == pytest.approx(1.0)
    assert same["hf_ratio"] == pytest.approx(1.0)
    assert same["seam_ratio"] == pytest.approx(1.0)


def test_blur_lowers_fine_detail_and_flicker_raises_the_seam() -> None:
    random = np.random.default_rng(0)
    real = random.normal(0, 1, (32, 32))
    mask = np.ones((32, 32), dtype=bool)
    blurred = 0.25 * (real + np.roll(real, 1, 0) + np.roll(real, 1, 1) + np.roll(real, (1, 1), (0, 1)))
    ratio = high_frequency_ratio(blurred, real, mask)
    assert ratio is not None
    assert ratio < 0.5
    volume = np.cumsum(random.normal(0, 1, (8, 8, 6)), axis=2).astype(np.float32)
    flicker = volume + 5.0 * (np.arange(6) % 2)
    seam = seam_ratio(flicker, volume, np.ones(volume.shape, dtype=bool))
    assert seam is not None
    assert seam > 2


def test_the_interval_over_patients_holds_their_mean() -> None:
    values = [1.0, 2.0, 3.0, 4.0, None]
    interval = bootstrap_interval(values, resamples=500, seed=0)
    assert interval is not None
    assert interval[0] < 2.5 < interval[1]
    assert bootstrap_interval([1.0], resamples=100, seed=0) is None


def test_secondary_captures_are_marked_and_lie_where_the_ncct_does(tmp_path: Path) -> None:
    phantom = make_thorax(0, _OPTIONS)
    turn = axis_turn(phantom.ncct.geometry)
    hu = turn.turned(phantom.ncct.voxels).astype(np.float32)
    paths = write_secondary_capture(tmp_path, hu, turn, phantom.ncct.geometry, case="病人")
    first = pydicom.dcmread(paths[0])
    assert is_marked(paths[0])
    assert first.BurnedInAnnotation == "YES"
    assert MARK in first.ImageComments
    assert "SYNTHETIC" in first.ImageType
    back = read_series(find_series([tmp_path])[0])
    # Turned and compared where no text is burned in.
    again = axis_turn(back.geometry).turned(back.voxels)
    assert np.array_equal(again[:, :20], np.round(hu[:, :20]))
    world = phantom.ncct.geometry.world_of([[0, 0, 0]])
    place = np.round(back.geometry.voxel_of(world)[0]).astype(int)
    assert np.allclose(back.geometry.world_of([place])[0], world[0], atol=1e-2)
    assert abs(back.voxels[tuple(place)] - phantom.ncct.voxels[0, 0, 0]) < 1


class Bench:
    """Runs over four small simulated patients."""

    def __init__(self, folder: Path, run: Callable[..., RunFolder], items: tuple[ItemRecord, ...]) -> None:
        self.folder, self.items, self._run = folder, items, run

    def run(
        self,
        name: str,
        action: Action,
        phase: str = "",
        base: str = "",
        items: tuple[ItemRecord, ...] = (),
        **settings: object,
    ) -> RunFolder:
        if action is Action.TRAIN:
            settings = {"max_steps": 4, **settings}
        chosen = self.items if action is Action.TRAIN else self.items[-1:]
        return self._run(self.folder / name, action, items or chosen, phase=phase, base=base, **settings)


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory,
    run_synthesis: Callable[..., RunFolder],
    simulated_patients: Callable[..., tuple[ItemRecord, ...]],
) -> Bench:
    folder = tmp_path_factory.mktemp("synthesis")
    splits = (Split.TRAIN, Split.TRAIN, Split.VAL, Split.TEST)
    return Bench(folder, run_synthesis, simulated_patients(folder, _OPTIONS, splits))


@pytest.fixture(scope="module")
def trained(bench: Bench) -> RunFolder:
    return bench.run("g", Action.TRAIN, "g")


@pytest.fixture(scope="module")
def refined(bench: Bench, trained: RunFolder) -> RunFolder:
    return bench.run("g2", Action.TRAIN, "g2", str(trained.path))


def test_a_frozen_generator_keeps_every_weight_of_the_run_before(
    trained: RunFolder, refined: RunFolder
) -> None:
    before, _ = load_weights(trained.checkpoints_dir / "best")
    after, facts = load_weights(refined.checkpoints_dir / "best")
    for name, value in before.items():
        if name.startswith("generator."):
            assert torch.equal(after[name], value)
    assert facts["window"] == {"low_hu": -1000.0, "high_hu": 400.0}
    assert facts["is_averaged"]
    assert facts["crop_px"] == 32


def test_a_run_writes_alignment_card_and_pictures(trained: RunFolder) -> None:
    assert (trained.outputs_dir / "alignment" / "alignment.csv").is_file()
    assert (trained.outputs_dir / "fusion_card.json").is_file()
    card = PanelFile.read(trained.panels_dir / "fusion.json").data["rows"]
    assert card[0][0] == "lung (chosen)"
    assert {row[6] for row in card} >= {"kept", "weak"}
    assert (trained.panels_dir / "alignment.json").is_file()
    assert list(trained.previews_dir.rglob("*.png"))


def test_predicted_volumes_lie_on_the_grid_and_say_what_they_are(bench: Bench, refined: RunFolder) -> None:
    run = bench.run(
        "predicted",
        Action.PREDICT,
        base=str(refined.path),
        write_dicom=True,
        write_spread=True,
        tile_px=32,
        tta_flips=True,
        tta_degrees=2.0,
    )
    path = run.outputs_dir / "synthetic_cta" / "item_3.nii.gz"
    made, source = read_volume(path), read_volume(bench.items[3].files["ncct"].path)
    assert source.geometry.difference(made.geometry) is None
    assert MARK.encode() in bytes(nib.load(path).header["descrip"])
    assert (run.outputs_dir / "generated_cta" / "item_3.nii.gz").is_file()
    assert (run.outputs_dir / "spread" / "item_3.nii.gz").is_file()
    assert len(list((run.outputs_dir / "dicom" / "item_3").glob("*.dcm"))) == _OPTIONS.num_slices
    warned = [event.message for event in read_events(run.events_path) if isinstance(event, Warned)]
    assert any("Mirrored" in message for message in warned)
    assert any("slices every" in message for message in warned)


def test_evaluation_stands_beside_the_ncct_as_it_is(bench: Bench, refined: RunFolder) -> None:
    run = bench.run("scored", Action.EVALUATE, base=str(refined.path))
    report = EvaluationReport.read(run.evaluation_path)
    assert set(report.rows) == {"model", "generator", "identity"}
    assert report.intervals == {"model": {}, "generator": {}, "identity": {}}, "one patient has no interval"
    assert (run.outputs_dir / "evaluation.html").is_file()
    assert (run.outputs_dir / "evaluation" / "slices.csv").is_file()
    assert (run.panels_dir / "worst_slices.json").is_file()
    table = PanelFile.read(run.panels_dir / "slices.json").data
    errors = [row[3] for row in table["rows"] if row[3] is not None]
    assert errors == sorted(errors, reverse=True)
    item = next(item for item in run.read_manifest().items if item.id == table["rows"][0][0])
    geometry = read_volume(item.files["ncct"].path).geometry
    inside = geometry.voxel_of([table["places"][0]["world_mm"]])[0]
    assert all(-0.01 <= at <= side - 0.99 for at, side in zip(inside, geometry.shape, strict=True))
    assert round(inside[2]) == table["rows"][0][1] - 1, "slices of this file run from the feet to the head"
    assert PanelFile.read(run.panels_dir / "slice_errors.json").data["series"][0]["x"]
    own = bench.run("of itself", Action.EVALUATE)
    assert set(EvaluationReport.read(own.evaluation_path).rows) == {"identity"}


def test_a_later_phase_without_a_generator_is_refused(bench: Bench) -> None:
    with pytest.raises(PreconditionError, match="trained G"):
        bench.run("nothing before", Action.TRAIN, "g2")


def test_pairs_that_cannot_be_used_are_left_out_one_by_one(bench: Bench, tmp_path: Path) -> None:
    first, second, third, _ = bench.items
    alone = ItemRecord(**{**dict(first), "id": "alone", "files": {"ncct": first.files["ncct"]}})
    voxels = read_volume(second.files["cta"].path)
    write_volume(tmp_path / "scaled.nii.gz", Volume(voxels.voxels + np.int16(1024), voxels.geometry))
    scaled = {**second.files, "cta": FileRecord(path=str(tmp_path / "scaled.nii.gz"))}
    other = ItemRecord(**{**dict(second), "id": "other", "files": scaled})
    run = bench.run("left out", Action.TRAIN, "g", items=(first, alone, other, third))
    warned = [event for event in read_events(run.events_path) if isinstance(event, Warned)]
    said = {str(event.parameters.get("item")): str(event.parameters.get("reason")) for event in warned}
    assert "alone has no CTA: the pair is not complete." in said["alone"]
    assert "the offset of HU is missing" in said["other"]
    with pytest.raises(PreconditionError, match="No item of split 'train'"):
        bench.run("nothing left", Action.TRAIN, "g", items=(alone, third))


def test_pairs_on_two_grids_are_refused_unless_they_are_aligned(bench: Bench, tmp_path: Path) -> None:
    first, _, third, _ = bench.items
    volume = read_volume(first.files["cta"].path)
    matrix = volume.geometry.world_from_voxel.copy()
    matrix[0, 3] += 5.0
    moved = VolumeGeometry(volume.geometry.shape, matrix)
    write_volume(tmp_path / "moved.nii.gz", Volume(volume.voxels, moved))
    files = {**first.files, "cta": FileRecord(path=str(tmp_path / "moved.nii.gz"))}
    item = ItemRecord(**{**dict(first), "files": files})
    with pytest.raises(PreconditionError, match="No item of split 'train'"):
        bench.run("two grids", Action.TRAIN, "g", items=(item, third), alignment="none")
    bench.run("one grid", Action.TRAIN, "g", items=(item, third), alignment="grid")


def test_weights_of_another_architecture_are_refused(
    bench: Bench, trained: RunFolder, tmp_path: Path
) -> None:
    torch.save(SynthesisNetwork(Architecture(generator="small")).state_dict(), tmp_path / "small.pt")
    with pytest.raises(CheckpointError, match="down"):
        bench.run("other layers", Action.TRAIN, "g2", pretrained_g=str(tmp_path / "small.pt"))


def test_another_window_than_the_generator_was_trained_in_is_refused(
    bench: Bench, trained: RunFolder
) -> None:
    with pytest.raises(CheckpointError, match="window"):
        bench.run("other window", Action.TRAIN, "g2", str(trained.path), window="full")


def test_a_discriminator_that_sees_nothing_alone_is_warned_of(bench: Bench, trained: RunFolder) -> None:
    run = bench.run(
        "blind", Action.TRAIN, "g_d", str(trained.path), discriminator_rate=1e-6, preheat_steps=2, max_steps=3
    )
    warned = [event for event in read_events(run.events_path) if isinstance(event, Warned)]
    (found,) = (event for event in warned if "no better than chance" in event.message)
    assert found.parameters["auc"] < 0.6


def test_missing_feature_weights_are_named(bench: Bench) -> None:
    with pytest.raises(InputError, match="VGG19"):
        bench.run(
            "perceptual",
            Action.TRAIN,
            "g",
            perceptual_weight=0.5,
            perceptual="vgg19",
            perceptual_file=str(bench.folder / "missing.pth"),
        )


def test_own_features_are_trained_at_the_start(bench: Bench) -> None:
    run = bench.run("own features", Action.TRAIN, "g", perceptual_weight=0.5, num_loss_scales=2, max_steps=1)
    weights, _ = load_weights(run.checkpoints_dir / "best")
    assert any(name.startswith("features.") for name in weights)


def test_a_window_that_clips_vessels_is_warned_of(bench: Bench) -> None:
    run = bench.run("clipped", Action.TRAIN, "g", window="custom", window_high=100, max_steps=1)
    warned = [event.message for event in read_events(run.events_path) if isinstance(event, Warned)]
    assert any("where the window ends" in message for message in warned)


def test_networks_that_learned_on_crops_are_asked_in_tiles_of_that_size() -> None:
    network = SynthesisNetwork(Architecture(generator="tiny"))
    with torch.no_grad():
        network.generator.last.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))
        ncct = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(1))
        whole, _ = make_slices(network, ncct, 0)
        in_tiles, _ = make_slices(network, ncct, 32)
        corner, _ = make_slices(network, ncct[..., :32], 0)
    # The corner belongs to one tile alone, which sees what a crop would have seen.
    assert torch.allclose(in_tiles[..., 0, 0], corner[..., 0, 0], atol=1e-4)
    assert not torch.allclose(in_tiles, whole, atol=1e-2)
