"""Registering and scoring pairs: outputs, directions, reasons, and what must not be imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import CheckpointError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Output, Warned, read_events
from engines.contract.geometry import apply_homography
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder
from engines.contract.suggestions_file import SuggestionsFile
from engines.contract.transform_file import TransformFile
from engines.imaging.images import read_image
from engines.imaging.transforms.quadratic_transform import quadratic_from_pixels
from engines.registration import evaluate as evaluation
from engines.registration.config import EvaluateConfig
from engines.registration.evaluate import evaluate
from engines.registration.evaluation.conditions import Condition, conditions_of, scored_pair
from engines.registration.predict import predict

MakeRun = Callable[..., RunFolder]
OpenRun = Callable[[RunFolder], RunContext]


def _report(folder: RunFolder) -> EvaluationReport:
    return EvaluationReport.read(folder.evaluation_path)


def test_the_classical_recipe_registers_a_pair_and_writes_everything(
    pair_run: MakeRun, open_run: OpenRun
) -> None:
    folder = pair_run("predict")
    run = open_run(folder)
    predict(run)
    run.events.close()
    written = {
        event.role: folder.path / event.path
        for event in read_events(folder.events_path)
        if isinstance(event, Output)
    }
    assert (
        set(written)
        == {"transform", "suggestions", "registered", "blend"}
        == {output.role for output in run.spec.outputs}
    )
    transform = TransformFile.read(written["transform"])
    assert transform.verdict == "registered"
    assert transform.method == "classical"
    assert (transform.fixed_size, transform.moving_size) == ((320, 320), (320, 320))
    matrix = transform.homography_fixed_from_moving
    assert matrix is not None
    moving_xy = np.array([[100.0, 100.0], [220.0, 120.0], [150.0, 230.0]])
    truth = np.array([[0.95, 0.12, 4.0], [-0.11, 0.97, 22.0], [1e-5, 2e-5, 1.0]])
    gap = apply_homography(matrix, moving_xy) - apply_homography(truth, moving_xy)
    assert np.linalg.norm(gap, axis=1).max() < 3
    assert read_image(written["registered"]).shape[:2] == (320, 320)
    suggestions = SuggestionsFile.read(written["suggestions"])
    assert (suggestions.method, suggestions.reason) == ("classical", "")
    assert 3 <= len(suggestions.pairs) <= 30
    gap = apply_homography(truth, [pair.moving_xy for pair in suggestions.pairs]) - np.array(
        [pair.fixed_xy for pair in suggestions.pairs]
    )
    assert np.median(np.linalg.norm(gap, axis=1)) < 3
    assert run.summary["verdicts"] == {"registered": 1}
    assert folder.per_item_path.read_text(encoding="utf-8").startswith("item,method,verdict")


def test_an_unreadable_image_is_a_warning_and_a_reason(pair_run: MakeRun, open_run: OpenRun) -> None:
    folder = pair_run("predict", moving_bytes=b"no image")
    run = open_run(folder)
    predict(run)
    assert any(isinstance(event, Warned) for event in read_events(folder.events_path))
    assert "not_registered" in folder.per_item_path.read_text(encoding="utf-8")
    assert not (folder.outputs_dir / "transform").exists()


def test_an_image_without_vessels_gives_a_transform_file_with_a_reason(
    pair_run: MakeRun, open_run: OpenRun, tmp_path: Path
) -> None:
    from engines.imaging.images import write_image

    path = tmp_path / "empty.png"
    write_image(path, np.full((320, 320), 90, dtype=np.uint8))
    folder = pair_run("predict", moving_bytes=path.read_bytes())
    predict(open_run(folder))
    transform = TransformFile.read(folder.outputs_dir / "transform" / "pair.json")
    assert transform.verdict == "not_registered"
    assert transform.reason
    suggestions = SuggestionsFile.read(folder.outputs_dir / "suggestions" / "pair.json")
    assert suggestions.pairs == ()
    assert suggestions.reason.startswith("The transform was not verified")


def test_a_model_is_asked_for_only_with_a_run(pair_run: MakeRun, open_run: OpenRun, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="training run"):
        predict(open_run(pair_run("predict", settings={"method": "model"})))
    empty = tmp_path / "empty run"
    empty.mkdir()
    with pytest.raises(CheckpointError):
        predict(open_run(pair_run("predict", name="second", base_run=str(empty))))


def test_a_stop_leaves_nothing_half_done(pair_run: MakeRun, open_run: OpenRun) -> None:
    folder = pair_run("predict")
    folder.write_control("stop")
    with pytest.raises(StopRequested):
        predict(open_run(folder))
    assert not folder.outputs_dir.exists()


def test_evaluation_scores_the_baselines(pair_run: MakeRun, open_run: OpenRun) -> None:
    folder = pair_run("evaluate")
    run = open_run(folder)
    evaluate(run)
    report = _report(folder)
    assert (report.run, report.split, report.split_hash, report.items) == (None, "evaluation", "abc", 1)
    assert list(report.rows) == ["classical", "identity", "landmark_fit", "landmark_fit_left_out"]
    assert set(report.rows["classical"]) <= {metric.key for metric in run.spec.metrics}
    assert report.rows["classical"]["success_5px"] == 1.0
    assert report.rows["landmark_fit"]["median_error_px"] == pytest.approx(0.0, abs=1e-3)
    assert report.rows["identity"]["success_5px"] == 0.0
    (entry,) = (entry for entry in report.per_item if entry["row"] == "classical")
    assert entry["verdict"] == "registered"
    assert entry["outcome"] == "acceptable"
    assert entry["z"] > 6
    assert report.bounds == ("landmark_fit", "landmark_fit_left_out")
    assert entry["polarity"] == "opposite"
    assert entry["scale"] == pytest.approx(0.96, abs=0.03)
    assert run.summary["rows"] == report.rows
    page = (folder.outputs_dir / "evaluation.html").read_text(encoding="utf-8")
    for words in ("abc", "workstation evaluate", "Conditions", "Verdicts", "data:image/png;base64,", "<svg"):
        assert words in page, words


def test_a_suite_names_its_conditions() -> None:
    settings = {"suite": "full", "num_stress_seeds": 2, "num_pictures": 0}
    config = EvaluateConfig.from_values(settings)
    names = [condition.name for condition in conditions_of(config)]
    assert names[:4] == ["0 degrees", "15 degrees", "30 degrees", "60 degrees"]
    assert names[4:] == [name for name in ("zoom", "low overlap", "any", "degraded") for _ in range(2)]


@pytest.mark.slow
def test_a_suite_scores_turns_and_harder_variants_beside_the_rows(
    pair_run: MakeRun, open_run: OpenRun
) -> None:
    short = {"suite": "stress", "num_stress_seeds": 1, "num_pictures": 0}
    folder = pair_run("evaluate", settings=short)
    evaluate(open_run(folder))
    report = _report(folder)
    assert report.items == 1
    assert len(report.per_item) == len(report.rows), "the rows are those of the first condition alone"
    page = (folder.outputs_dir / "evaluation.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("zoom", "low overlap", "degraded"))
    lines = folder.per_item_path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 5 * len(report.rows)


def test_a_quadratic_is_written_and_read_again(pair_run: MakeRun, open_run: OpenRun) -> None:
    folder = pair_run("predict", settings={"model": "quadratic"})
    predict(open_run(folder))
    file = TransformFile.read(folder.outputs_dir / "transform" / "pair.json")
    assert file.model == "quadratic"
    assert file.matrix is not None
    assert file.quadratic is not None
    curve = quadratic_from_pixels(
        np.array(file.quadratic.coefficients).T, file.quadratic.centre, file.quadratic.scale
    )
    points = np.array([[100.0, 100.0], [220.0, 120.0], [150.0, 230.0]])
    truth = np.array([[0.95, 0.12, 4.0], [-0.11, 0.97, 22.0], [1e-5, 2e-5, 1.0]])
    assert np.linalg.norm(curve.apply(points) - apply_homography(truth, points), axis=1).max() < 3


def test_the_other_direction_scores_worse(
    pair_run: MakeRun, open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pair_run("evaluate")
    original = evaluation.score_pair

    def swapped(matrix: np.ndarray | None, fixed_xy: np.ndarray, moving_xy: np.ndarray) -> object:
        return original(None if matrix is None else np.linalg.inv(matrix), fixed_xy, moving_xy)

    monkeypatch.setattr(evaluation, "score_pair", swapped)
    evaluate(open_run(folder))
    rows = _report(folder).rows
    assert rows["classical"]["success_10px"] == 0.0
    assert rows["landmark_fit"]["success_10px"] == 1.0, "the bound does not depend on a direction"


def test_too_few_landmarks_are_refused_with_the_reason(pair_run: MakeRun, open_run: OpenRun) -> None:
    with pytest.raises(PreconditionError, match="4 or more landmarks"):
        evaluate(open_run(pair_run("evaluate", landmarks=3)))


def test_rotation_zero_is_the_unrotated_pair_and_landmarks_follow_a_turn(
    pair_run: MakeRun, open_run: OpenRun
) -> None:
    run = open_run(pair_run("evaluate"))
    item = run.manifest.items[0]
    plain, zero, turned = (scored_pair(run, item, Condition(rotation_deg=angle)) for angle in (0, 360, 30))
    np.testing.assert_array_equal(plain.moving, zero.moving)
    np.testing.assert_array_equal(plain.moving_xy, zero.moving_xy)
    np.testing.assert_array_equal(plain.fixed_xy, turned.fixed_xy)
    assert min(turned.moving.shape[:2]) > 320
    # Counter-clockwise on the screen: what lay to the right of the centre now lies above it.
    plain_arm = plain.moving_xy - 159.5
    turned_arm = turned.moving_xy - (np.array(turned.moving.shape[1::-1]) - 1) / 2
    angle = np.arctan2(-turned_arm[:, 1], turned_arm[:, 0]) - np.arctan2(-plain_arm[:, 1], plain_arm[:, 0])
    np.testing.assert_allclose(np.rad2deg(angle) % 360, 30, atol=1)
    # The picture turns with the landmarks.
    for before, after in zip(plain.moving_xy, turned.moving_xy, strict=True):
        first = plain.moving[round(before[1]), round(before[0])]
        column, row = np.rint(after).astype(int)
        patch = turned.moving[row - 2 : row + 3, column - 2 : column + 3].astype(int)
        assert np.abs(patch - int(first)).min() < 25


def test_stress_follows_its_seed(pair_run: MakeRun, open_run: OpenRun) -> None:
    run = open_run(pair_run("evaluate"))
    item = run.manifest.items[0]

    def moving(seed: int) -> np.ndarray:
        return scored_pair(run, item, Condition(stress="any", seed=seed)).moving

    np.testing.assert_array_equal(moving(1), moving(1))
    assert moving(1).shape != moving(2).shape


@pytest.mark.parametrize("action", ["predict", "evaluate"])
def test_without_a_model_no_torch_is_imported(pair_run: MakeRun, action: str) -> None:
    folder = pair_run(action)
    code = (
        "import sys; from pathlib import Path\n"
        "from engines.contract.registry import resolve\n"
        "from engines.contract.run_context import RunContext\n"
        "from engines.contract.run_folder import RunFolder\n"
        "run = RunContext.open(RunFolder(Path(sys.argv[1])))\n"
        f"resolve(run.spec.{action})(run)\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
