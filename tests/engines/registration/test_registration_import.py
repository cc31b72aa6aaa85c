"""Published weights become a run: read safely, complete or refused, for both networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.contract.errors import CheckpointError, PreconditionError
from engines.contract.kinds import Action
from engines.contract.manifest import Manifest
from engines.contract.registry import config_class, load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.weights_report import FILE_NAME, WeightsReport
from engines.core.checkpoint import load_weights
from engines.registration.import_weights import import_weights
from engines.registration.model import build_network
from engines.registration.networks.compat import CompatNetwork

OpenRun = Callable[[RunFolder], RunContext]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file as the authors save it: network, optimiser of plain tensors, epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CompatNetwork()
    path = tmp_path_factory.mktemp("权重 weights") / "SuperRetina.pth"
    torch.save({"net": network.state_dict(), "optimizer": {"state": {}}, "epoch": 149}, path)
    return path


def _run(folder: Path, **values: Any) -> RunFolder:
    config = config_class(load_spec("registration"), Action.IMPORT_WEIGHTS).from_values(values)
    request = RunRequest(
        pipeline="registration",
        action=Action.IMPORT_WEIGHTS,
        phase="phase_1",
        settings=config.values(),
    )
    run = RunFolder(folder)
    run.create(request, Manifest(items=()))
    return run


@pytest.mark.parametrize("network", ["compat", "xmodal_wide"])
def test_a_published_file_becomes_a_run(
    published: Path, tmp_path: Path, open_run: OpenRun, network: str
) -> None:
    folder = _run(tmp_path / "run", source=str(published), network=network)
    import_weights(open_run(folder))
    report = WeightsReport.read(folder.outputs_dir / FILE_NAME)
    assert report.is_complete
    assert not report.unused
    weights, facts = load_weights(folder.checkpoints_dir / "best")
    assert facts["mode"] == network
    assert facts["preprocessing"] == "published"
    built = build_network(facts)
    built.load_state_dict(weights)
    original = torch.load(published, weights_only=True)["net"]
    torch.testing.assert_close(weights["convDb.weight"], original["convDb.weight"])
    first = "stems.1.conv1a.weight" if network == "xmodal_wide" else "conv1a.weight"
    torch.testing.assert_close(weights[first][:, :1], original["conv1a.weight"])


def test_a_file_of_another_network_is_refused(published: Path, tmp_path: Path, open_run: OpenRun) -> None:
    content = torch.load(published, weights_only=True)
    del content["net"]["trans_conv.bias"]
    other = tmp_path / "other.pth"
    torch.save(content, other)
    for network in ("compat", "xmodal_wide"):
        folder = _run(tmp_path / network, source=str(other), network=network)
        with pytest.raises(CheckpointError, match=r"trans_conv\.bias"):
            import_weights(open_run(folder))


def test_a_missing_or_ambiguous_source_is_refused(published: Path, tmp_path: Path, open_run: OpenRun) -> None:
    with pytest.raises(PreconditionError, match="nowhere"):
        import_weights(open_run(_run(tmp_path / "a", source="nowhere")))
    several = tmp_path / "several"
    several.mkdir()
    for name in ("one.pth", "two.pth"):
        (several / name).write_bytes(published.read_bytes())
    with pytest.raises(PreconditionError, match="2 files"):
        import_weights(open_run(_run(tmp_path / "b", source=str(several))))
