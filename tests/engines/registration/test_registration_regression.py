"""The row of direct regression: it says what it was trained to say, in the right direction, and stops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.contract.evaluation import EvaluationReport
from engines.contract.geometry import apply_homography, invert
from engines.contract.kinds import RunState
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder
from engines.registration.config import EvaluateConfig
from engines.registration.evaluate import evaluate
from engines.registration.evaluation.affine_regression import (
    ROW,
    AffineNetwork,
    AffineTask,
    fixed_from_moving,
    train_regression,
)

MakeRun = Callable[..., RunFolder]
OpenRun = Callable[[RunFolder], RunContext]
SIDE = 65
MOVING_FROM_FIXED = np.array([[0.9, 0.1, 4.0], [-0.12, 1.05, -3.0], [0, 0, 1.0]])


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def network_that_says(moving_from_fixed: np.ndarray) -> AffineNetwork:
    """Return a network whose answer does not depend on the images."""
    half = (SIDE - 1) / 2
    unit = np.array([[1 / half, 0, -1], [0, 1 / half, -1], [0, 0, 1]])
    network = AffineNetwork(4, 1)
    answer = (unit @ moving_from_fixed @ invert(unit))[:2] - np.eye(3)[:2]
    with torch.no_grad():
        network.head[-1].bias.copy_(torch.from_numpy(answer.reshape(-1)))
    return network.eval()


def test_it_begins_with_nothing_moved_and_answers_from_moving_to_fixed() -> None:
    images = torch.rand(1, 2, 2, SIDE, SIDE)
    still = fixed_from_moving(AffineNetwork(4, 2).eval(), images, SIDE)
    np.testing.assert_allclose(still, np.eye(3), atol=1e-6)
    found = fixed_from_moving(network_that_says(MOVING_FROM_FIXED), images, SIDE)
    fixed_xy = np.array([[0.0, 0.0], [40.0, 7.0], [64.0, 64.0]])
    moving_xy = apply_homography(MOVING_FROM_FIXED, fixed_xy)
    np.testing.assert_allclose(apply_homography(found, moving_xy), fixed_xy, atol=1e-3)
    assert fixed_from_moving(network_that_says(np.diag([1e-6, 1.0, 1.0])), images, SIDE) is None


@pytest.mark.parametrize("reference_side", [0, 1])
def test_the_loss_is_nothing_for_the_true_answer_whichever_image_was_moved(reference_side: int) -> None:
    task = AffineTask.__new__(AffineTask)
    task._side = SIDE
    matrix = MOVING_FROM_FIXED if reference_side == 0 else invert(MOVING_FROM_FIXED)
    batch = {
        "channels": torch.rand(1, 2, 2, SIDE, SIDE),
        "other_from_reference": torch.from_numpy(matrix)[None].float(),
        "reference_side": torch.tensor([reference_side]),
    }
    right = task.training_losses(network_that_says(MOVING_FROM_FIXED), batch)["total"]
    wrong = task.training_losses(network_that_says(invert(MOVING_FROM_FIXED)), batch)["total"]
    assert right < 1e-4
    assert wrong > 0.1


@pytest.fixture
def base(make_training: MakeRun, eyes: Path, tmp_path: Path) -> RunFolder:
    """A training of two steps, as its folder tells of it."""
    folder = make_training(
        tmp_path / "base run", eyes, epochs=2, image_size_px=64, looks_per_item=0, width=4, num_threads=1
    )
    folder.write_summary(RunState.FINISHED, {"step": 2})
    return folder


def test_it_trains_as_many_steps_on_the_same_images_and_stops_with_the_evaluation(
    base: RunFolder, pair_run: MakeRun, open_run: OpenRun
) -> None:
    run = open_run(pair_run("evaluate", base_run=str(base.path), settings={"regression": True}))
    folder = train_regression(run)
    assert (folder.checkpoints_dir / "best" / "weights.safetensors").is_file()
    assert run.summary[ROW]["best_step"] <= 2
    assert set(run.summary[ROW]["validation"]) == {"corner_error_px", "success_5px"}
    assert {item.id for item in folder.read_manifest().items} == {
        item.id for item in base.read_manifest().items
    }
    stopped = pair_run("evaluate", base_run=str(base.path), name="stopped")
    stopped.write_control("stop")
    with pytest.raises(StopRequested):
        train_regression(open_run(stopped))


def test_it_is_off_unless_asked_for() -> None:
    assert not EvaluateConfig().regression


@pytest.mark.slow
def test_it_is_a_row_of_the_report(trained_run: RunFolder, pair_run: MakeRun, open_run: OpenRun) -> None:
    run = open_run(
        pair_run(
            "evaluate",
            base_run=str(trained_run.path),
            settings={"regression": True, "bootstrap_samples": 20, "num_pictures": 0},
        )
    )
    evaluate(run)
    report = EvaluationReport.read(run.folder.evaluation_path)
    assert {"model_raw", "classical", ROW, "identity"} <= set(report.rows)
    line = next(line for line in report.per_item if line["row"] == ROW)
    assert line["verdict"] in ("registered", "uncertain", "not_registered")
