"""Phase 1 learns: losses fall and matching rises far above the untrained network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from engines.contract.events import Metric, Preview, read_events
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.registration.config import TrainConfig
from engines.registration.model import build_network
from engines.registration.training.images import load_labelled_view
from engines.registration.training.pairs_task import PairsTask, network_facts
from engines.registration.training.recipes import with_recipe

MakeRun = Callable[..., RunFolder]
OpenRun = Callable[[RunFolder], RunContext]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_a_short_training_learns(trained_run: RunFolder) -> None:
    events = read_events(trained_run.events_path)

    def series(key: str, split: str) -> list[float]:
        return [
            event.value
            for event in events
            if isinstance(event, Metric)
            and event.key == key
            and event.split == split
            and event.value is not None
        ]

    for key in ("loss_detector", "loss_moving", "loss_descriptor"):
        values = series(key, "train")
        assert min(values[-3:]) < 0.8 * values[0], key
    weights, facts = load_weights(trained_run.checkpoints_dir / "best")
    assert facts["image_size_px"] == trained_run.read_request().settings["image_size_px"]
    network = build_network(facts)
    network.load_state_dict(weights)
    # The untrained network tells a bifurcation from some fifty others hardly better than by chance, 0.02.
    accuracy = series("matching_accuracy", "val")
    summary = trained_run.read_summary()
    assert summary is not None
    assert summary["best_value"] == pytest.approx(max(accuracy))
    assert max(accuracy) > 0.15
    shown = {event.name for event in events if isinstance(event, Preview)}
    assert shown == {
        "fixed_kps",
        "vessel_keypoints_extracted",
        "affined_moving_kps",
        "detector",
        "matches",
        "registered",
        "fix_registered_checkerboard",
        "training_pairs",
    }


def test_an_untrained_network_matches_hardly_anything(training_run: MakeRun, open_run: OpenRun) -> None:
    run = open_run(training_run())
    config = run.typed_config(TrainConfig)
    views = [load_labelled_view(run, item, config) for item in run.manifest.items[:2]]
    task = PairsTask(views, views, config)
    with torch.no_grad():
        values = task.validation_metrics(task.network.eval(), torch.device("cpu"))
        again = task.validation_metrics(task.network, torch.device("cpu"))
    assert values == again
    accuracy = values["matching_accuracy"]
    assert accuracy is not None
    assert accuracy < 0.12
    known = {metric.key for metric in run.spec.metrics}
    assert set(values) <= known


def test_samples_and_weights_follow_the_seed(training_run: MakeRun, open_run: OpenRun) -> None:
    run = open_run(training_run())
    config = run.typed_config(TrainConfig)
    views = [load_labelled_view(run, run.manifest.items[0], config)]
    first, second = (PairsTask(views, views, config) for _ in range(2))
    for name, weight in first.network.state_dict().items():
        assert torch.equal(weight, second.network.state_dict()[name])
    assert torch.equal(first.train_sample(0, 7)["channels"], second.train_sample(0, 7)["channels"])
    assert not torch.equal(first.train_sample(0, 7)["channels"], first.train_sample(0, 8)["channels"])


@pytest.mark.parametrize("loss", ["infonce", "triplet"])
def test_a_batch_without_common_points_still_has_a_gradient(
    training_run: MakeRun, open_run: OpenRun, loss: str
) -> None:
    run = open_run(training_run(descriptor_loss=loss))
    config = run.typed_config(TrainConfig)
    view = load_labelled_view(run, run.manifest.items[0], config)
    task = PairsTask([view], [view], config)
    sample = task.train_sample(0, 1)
    full = task.training_losses(task.network, task.collate([sample]))
    assert set(full) == {"detector", "moving", "descriptor", "total"}
    for name in ("fixed_xy", "moving_xy"):
        sample[name] = sample[name][:0]
    sample["labels"] = torch.zeros_like(sample["labels"])
    sample["given_xy"] = sample["given_xy"][:0]
    losses = task.training_losses(task.network, task.collate([sample]))
    assert set(losses) == {"total"}
    losses["total"].backward()
    assert float(losses["total"].detach()) == 0.0


def test_the_literal_recipe_trains_the_published_network(training_run: MakeRun, open_run: OpenRun) -> None:
    run = open_run(training_run(recipe="literal", image_size_px=64, looks_per_item=1))
    config, changed = with_recipe(run.typed_config(TrainConfig))
    assert changed
    facts = network_facts(config)
    assert (facts["mode"], facts["num_channels"], facts["preprocessing"]) == ("compat", 1, "published")
    view = load_labelled_view(run, run.manifest.items[0], config, "published")
    assert 0 <= view.view.intensity.min() < view.view.intensity.max() <= 1
    task = PairsTask([view], [view], config, "phase_3", facts=facts)
    sample = task.train_sample(0, 1)
    assert 0 <= float(sample["channels"][:, 0].min()) <= float(sample["channels"][:, 0].max()) <= 1
    losses = task.training_losses(task.network, task.collate([sample]))
    losses["total"].backward()
    # What the plan adds up in phase 3; the moving detector's own loss is only looked at.
    expected = losses["detector"] + losses["geometry"] + losses["descriptor"]
    torch.testing.assert_close(losses["total"], expected)
    assert "moving" in losses
    assert all(torch.isfinite(parameter.grad).all() for parameter in task.network.parameters())
