"""Make a run of weights that the published program, or this one, trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from engines.contract.errors import CheckpointError, PreconditionError
from engines.contract.run_context import RunContext
from engines.core import checkpoint
from engines.core.generations import FACTS_FILE, WEIGHTS_FILE
from engines.core.weights import fill, load_weights, publish_import, require_complete
from engines.registration.config import ImportConfig
from engines.registration.model import build_network
from engines.registration.networks.compat import CompatNetwork, StemmedCompatNetwork, stemmed_weights

_CANDIDATES = ("*.pth", "*.pt", "*.safetensors")


def import_weights(run: RunContext) -> None:
    """Read weights safely and publish them as a run that can predict or be trained further.

    Raises
    ------
    PreconditionError
        If there is no such file, or a folder holds several.
    CheckpointError
        If the file is of another network; the sentence names the layers.
    """
    config = run.typed_config(ImportConfig)
    source = Path(config.source)
    if not config.source or not source.exists():
        raise PreconditionError(
            "There is no file or folder '{source}'.",
            remedy="Give the file or folder of the weights as an absolute path.",
            source=config.source,
        )
    run.phase("Reading weights")
    if (source / FACTS_FILE).is_file():
        _import_own(run, source)
        return
    path = _file_of(source)
    facts = {
        "mode": config.network,
        "num_channels": 2 if config.vesselness_channel and config.network == "xmodal_wide" else 1,
        "stems": config.stems if config.network == "xmodal_wide" else "shared",
        "image_size_px": config.image_size_px,
        # The published first stage reads what the published preparation makes.
        "preprocessing": "published",
    }
    network = build_network(facts)
    tensors: Mapping[str, Tensor] = load_weights(path)
    notes = []
    if isinstance(network, StemmedCompatNetwork):
        _require_published(tensors, path)
        tensors = stemmed_weights(tensors, network)
        notes.append("Every first stage begins as a copy of the published one; a vesselness channel at zero.")
    report = fill(network, tensors)
    require_complete(report, path)
    notes.append(
        "Descriptors are read on the aligned grid; the published program reads them up to 11.5 px beside the "
        "keypoint, so its numbers differ where images are turned."
    )
    publish_import(run, path, network.state_dict(), facts, report.with_notes(*notes))
    run.summary |= {"network": config.network, "preprocessing": "published"}


def _require_published(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a file of another network by its own names, before they are changed."""
    require_complete(fill(CompatNetwork(), tensors), path)


def _import_own(run: RunContext, folder: Path) -> None:
    weights, facts = checkpoint.load_weights(folder)
    try:
        network = build_network(dict(facts))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            "{path} is no checkpoint of a registration network.",
            remedy="Choose the checkpoint folder of a registration run.",
            path=folder,
        ) from error
    report = fill(network, weights)
    require_complete(report, folder)
    kept: dict[str, Any] = dict(facts)
    publish_import(run, folder / WEIGHTS_FILE, weights, kept, report)


def _file_of(source: Path) -> Path:
    if source.is_file():
        return source
    found = sorted(path for pattern in _CANDIDATES for path in source.glob(pattern))
    if len(found) != 1:
        raise PreconditionError(
            "{folder} holds {count} files of weights.",
            remedy="Give one of them: {names}.",
            folder=source,
            count=len(found),
            names=", ".join(path.name for path in found) or "none is there",
        )
    return found[0]
