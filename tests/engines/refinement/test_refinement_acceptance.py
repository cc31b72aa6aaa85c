"""What refinement has to reach. Minutes each, so they run by night: ``pytest -m slow``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from engines.contract.evaluation import EvaluationReport
from engines.imaging.volumes.coronary_phantom import CORONARY
from engines.refinement.config import TrainConfig
from engines.refinement.data import appearance_channels, make_case
from engines.refinement.evaluate import HARD
from engines.refinement.evaluation.baselines import MORPHOLOGY
from engines.refinement.evaluation.noise_bench import BenchOptions, procedural_case
from engines.refinement.fields.lattice_inference import dense, query_of, sparse
from engines.refinement.model import RefinementField
from engines.refinement.train import FieldTask

CPU = torch.device("cpu")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.slow


def _benchmark(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def _fitted(seed: int = 0, num_cases: int = 2, num_steps: int = 60) -> FieldTask:
    """Return a quickly fitted field of small procedural cases."""
    options = BenchOptions(num_voxels=40, spacing_mm=1.0)
    cases = []
    for number in range(num_cases):
        native = procedural_case(number, CORONARY, options)
        cases.append(make_case(f"case_{number}", native.image, native.mask, spacing_mm=1.0, margin_mm=6.0))
    values = {"work_spacing_mm": 1.0, "points_per_step": 2048, "latent_size": 32, "seed": seed}
    task = FieldTask(cases, [], TrainConfig.from_values(values))
    optimiser = torch.optim.AdamW(task.parameter_groups(), lr=4e-3, weight_decay=0.0)
    for step in range(num_steps):
        optimiser.zero_grad()
        batch = task.collate([task.train_sample(step % num_cases, step)])
        torch.autograd.backward([task.training_losses(task.network, batch)["total"]])
        optimiser.step()
    return task


def test_a_seeded_fit_repeats_bit_by_bit() -> None:
    first, again = (_fitted(num_steps=8).network.state_dict() for _ in range(2))
    other = _fitted(seed=1, num_steps=8).network.state_dict()
    for name, value in first.items():
        assert torch.equal(value, again[name])
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_sparse_and_dense_refinement_are_the_same_on_twenty_trees() -> None:
    field = _fitted().network
    assert isinstance(field, RefinementField)
    field.eval()
    options = BenchOptions(num_voxels=40, spacing_mm=1.0, seed=7)
    for number in range(20):
        native = procedural_case(number, CORONARY, options)
        case = make_case("new", native.image, native.mask, spacing_mm=1.0, margin_mm=6.0)
        with torch.no_grad():
            grids = field.feature_grids(None, torch.from_numpy(appearance_channels(case)))
        query = query_of(field, grids, case.lattice.shape)
        everywhere = dense(query, case.lattice.shape, CPU).probability >= 0.5
        around = sparse(query, case.occupancy >= 0.5, 3.0, 0.5, CPU)
        np.testing.assert_array_equal(around.probability >= 0.5, everywhere)
        assert everywhere.any()


def test_one_label_is_reproduced_on_its_lattice(capsys: pytest.CaptureFixture[str]) -> None:
    bench = _benchmark("refinement_reproduction")
    bench.main(["--steps", "100"])
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert float(last.split("Dice ")[1].split(",")[0]) >= 0.95


@pytest.mark.timeout(1800)
def test_a_field_beats_morphology_on_labels_that_it_never_saw(tmp_path: Path) -> None:
    """Trained on the noisy labels of one seed, scored on the cases of others."""
    bench = _benchmark("refinement_noise")
    quick = [
        f"--set={key}" for key in ("max_minutes=60", "preview_every_epochs=0", "validate_every_epochs=999")
    ]
    bench.main([str(tmp_path / "trained"), "--seed", "100", *quick])
    for seed in ("2", "3"):
        scored = tmp_path / f"seed {seed}"
        field = str(tmp_path / "trained" / "training")
        bench.main([str(scored), "--seed", seed, "--field", field, "--score=latent_steps=0"])
        report = EvaluationReport.read(next(scored.rglob("evaluation.json")))
        model, best = report.rows["model"], max(MORPHOLOGY, key=lambda row: report.rows[row]["dice"] or 0.0)
        morphology = report.rows[best]
        values = {key: (model[key], morphology[key]) for key in ("dice", "cldice", "components")}
        assert all(None not in pair for pair in values.values())
        gains = {key: (own or 0.0) - (other or 0.0) for key, (own, other) in values.items()}
        assert gains["dice"] >= 0.02
        assert gains["cldice"] >= 0.0
        assert gains["components"] <= 0.0
        hard = report.groups[HARD]
        assert (hard["model"]["dice"] or 0.0) > (hard["hu_threshold"]["dice"] or 1.0)
