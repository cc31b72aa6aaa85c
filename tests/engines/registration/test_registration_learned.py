"""A briefly trained network registers a pair, in every direction it should, and refuses what it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.contract.geometry import apply_homography
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.images import read_image
from engines.imaging.matching.classical_registration import Proposal
from engines.imaging.matching.registration_result import RefinedCandidate
from engines.registration.config import EvaluateConfig
from engines.registration.evaluation.conditions import Condition, scored_pair
from engines.registration.inference import registrars
from engines.registration.inference.learned import LearnedRegistrar
from engines.registration.inference.network_proposals import rotation_sweep, scale_sweep
from engines.registration.inference.registrars import ClassicalRegistrar, PairWork

MakeRun = Callable[..., RunFolder]
OpenRun = Callable[[RunFolder], RunContext]


@pytest.fixture
def registrar(trained_run: RunFolder) -> LearnedRegistrar:
    return LearnedRegistrar(trained_run.path, EvaluateConfig(), torch.device("cpu"))


def test_a_trained_network_registers_across_polarities_and_refuses_an_empty_image(
    registrar: LearnedRegistrar, pair_run: MakeRun, open_run: OpenRun
) -> None:
    run = open_run(pair_run("evaluate"))
    (item,) = run.manifest.items
    fixed, moving = (read_image(run.input_path(item, role)) for role in ("fixed", "moving"))
    work = PairWork(fixed, moving, EvaluateConfig(), fixed_modality="CF", moving_modality="FA")
    fused, model, raw = registrar.register(work)
    assert (fused.method, model.method, raw.method) == ("fused", "model", "model_raw")
    assert fused.verdict == "registered"
    assert fused.cpu_s is not None
    assert raw.cpu_s is not None
    assert fused.cpu_s >= raw.cpu_s > 0
    (classical,) = ClassicalRegistrar().register(work)
    assert classical.source == "search"
    assert model.source == "network"
    assert model.verdict == "registered"
    assert model.homography_fixed_from_moving is not None
    truth = np.array([[0.95, 0.12, 4.0], [-0.11, 0.97, 22.0], [1e-5, 2e-5, 1.0]])
    points = np.array([[100.0, 100.0], [220.0, 120.0], [150.0, 230.0]])
    gap = apply_homography(model.homography_fixed_from_moving, points) - apply_homography(truth, points)
    assert np.linalg.norm(gap, axis=1).max() < 3
    assert raw.keypoints is not None
    matched = np.array(raw.keypoints["fixed_xy"]), np.array(raw.keypoints["moving_xy"])
    is_inlier = np.array(raw.keypoints["is_inlier"])
    assert is_inlier.sum() == raw.inliers
    scores = np.array(raw.keypoints["score"])
    assert scores.shape == is_inlier.shape
    assert ((scores >= 0) & (scores <= 1)).all()
    error = np.linalg.norm(apply_homography(truth, matched[1]) - matched[0], axis=1)
    assert np.median(error[is_inlier]) < 8

    empty = np.full((200, 200), 90, dtype=np.uint8)
    for result in registrar.register(PairWork(fixed, empty, EvaluateConfig())):
        assert result.homography_fixed_from_moving is None
        assert result.verdict == "not_registered"
        assert result.reason

    # The same answer every time.
    again_work = PairWork(fixed, moving, EvaluateConfig(), fixed_modality="CF", moving_modality="FA")
    (again,) = registrar.register(again_work, ("model",))
    np.testing.assert_array_equal(again.homography_fixed_from_moving, model.homography_fixed_from_moving)


def test_a_pose_that_refinement_makes_worse_is_kept_as_it_was(
    pair_run: MakeRun, open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(pair_run("evaluate"))
    (item,) = run.manifest.items
    fixed, moving = (read_image(run.input_path(item, role)) for role in ("fixed", "moving"))
    truth = np.array([[0.95, 0.12, 4.0], [-0.11, 0.97, 22.0], [1e-5, 2e-5, 1.0]])
    led_away = RefinedCandidate(np.eye(3), "homography", 0.01, 0.5, 0.5, "network 0")
    monkeypatch.setattr(registrars, "refine", lambda *_, **__: led_away)
    work = PairWork(fixed, moving, EvaluateConfig())
    work.proposals = [Proposal(truth, "network 0", "homography")]
    kept = max((one for found in work.refined(work.frames[0]) for one in found), key=lambda one: one.rank)
    np.testing.assert_array_equal(kept.homography_fixed_from_moving, truth)
    assert kept.z > 5
    # A family that was asked for is never replaced by another.
    forced = PairWork(fixed, moving, EvaluateConfig(model="affine"))
    forced.proposals = work.proposals
    assert all(one is led_away for found in forced.refined(forced.frames[0]) for one in found)


def test_the_sweeps_start_with_the_images_as_they_are() -> None:
    assert rotation_sweep(0) == (0.0,)
    assert rotation_sweep(90) == (0.0, -90.0, 90.0, -180.0)
    assert scale_sweep(0) == ((1.0, 1.0),)
    assert scale_sweep(1) == ((1.0, 1.0), (1.0, 0.6), (0.6, 1.0))
    assert scale_sweep(0, ("CF", "OCTA")) == ((1.0, 1.0), (1.0, 0.5), (1.0, 0.25))
    assert scale_sweep(0, ("OCT", None)) == ((1.0, 1.0), (0.5, 1.0), (0.25, 1.0))
    assert scale_sweep(0, ("OCT", "OCTA")) == ((1.0, 1.0),)


def test_a_perfect_detector_is_bounded_by_the_descriptors(
    registrar: LearnedRegistrar, pair_run: MakeRun, open_run: OpenRun
) -> None:
    run = open_run(pair_run("evaluate", landmarks=20))
    pair = scored_pair(run, run.manifest.items[0], Condition())
    result, accuracy = registrar.perfect_detector(
        PairWork(pair.fixed, pair.moving, EvaluateConfig()), pair.fixed_xy, pair.moving_xy
    )
    assert result.method == "perfect_detector"
    assert 0.1 < accuracy <= 1.0
    _, less = registrar.perfect_detector(
        PairWork(pair.fixed, pair.moving, EvaluateConfig()), pair.fixed_xy, pair.moving_xy[::-1]
    )
    assert less < accuracy


def test_weights_of_another_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from engines.contract.errors import CheckpointError
    from engines.registration.inference import learned

    facts = {"width": 8, "descriptor_size": 32, "num_channels": 2, "image_size_px": 128}
    monkeypatch.setattr(learned, "load_weights", lambda _: ({"stranger": torch.zeros(1)}, facts))
    with pytest.raises(CheckpointError, match="do not fit"):
        LearnedRegistrar(Path("run"), EvaluateConfig(), torch.device("cpu"))
