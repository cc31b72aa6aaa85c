"""Bring a training of the earlier implementation in: checkpoint, configuration and text log.

The source is a file, or a folder with any of them. Weights are matched by name, or, where every layer of a
network has the same shapes in the same order, by order; otherwise each layer that differs is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engines.contract.errors import CheckpointError, InputError
from engines.contract.files import write_json_atomically
from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.contract.weights_report import FILE_NAME, OtherShape, WeightsReport
from engines.core.weights import fill, load_checkpoint, load_weights, publish_import
from engines.synthesis.config import ImportConfig
from engines.synthesis.imports.known_config import KnownConfig, read_known_config
from engines.synthesis.imports.log_import import ImportedLog, read_log, split_of
from engines.synthesis.model import Architecture, SynthesisNetwork, checkpoint_facts
from engines.synthesis.networks.generator import SIZES
from engines.synthesis.volumes.windows import chosen_window

_WEIGHTS, _CONFIGS, _LOGS = (
    (".pt", ".pth", ".ckpt", ".bin", ".safetensors"),
    (".yaml", ".yml"),
    (".log", ".txt"),
)
_PREFERRED = "checkpoint_best"
_AVERAGED = ("_ema", "_averaged", "ema_")
_SECTIONS = {
    "generator": ("G", "netG", "generator", "g", "model_G", "G_state_dict"),
    "refiner": ("G2", "netG2", "refiner", "refine", "refine_net", "g2"),
    "registrar": ("R", "netR", "registrar", "registration", "reg"),
    "discriminator": ("D", "netD", "discriminator", "d"),
}
_OUTER = ("state_dict", "model", "models", "net", "ema")
_WRAPPERS = ("module.", "_orig_mod.")


def import_weights(run: RunContext) -> None:
    """Read what the source holds and make a run of it."""
    config = run.typed_config(ImportConfig)
    checkpoint_file, config_file, log_file = _files_of(Path(config.source))
    known = read_known_config(config_file) if config_file else None
    if known:
        write_json_atomically(
            run.folder.outputs_dir / "known_config.json",
            {
                "phase": known.phase,
                "settings": known.settings,
                "unused": known.unused,
                "unknown": known.unknown,
            },
        )
        if known.unknown:
            run.warn(
                "Settings that this program does not know were kept: {keys}.",
                keys=", ".join(sorted(known.unknown)),
            )
    if log_file:
        _draw_log(run, read_log(log_file))
    if checkpoint_file is None:
        run.summary["ended_by"] = "no weights in the source"
        return
    _import_checkpoint(run, config, checkpoint_file, known)


def _files_of(source: Path) -> tuple[Path | None, Path | None, Path | None]:
    """Return checkpoint, configuration and log of a source.

    Raises
    ------
    InputError
        If it is missing or has none of them.
    """
    if not source.exists():
        raise InputError("There is nothing at {path}.", remedy="Choose a file or a folder.", path=source)
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    weights = [file for file in files if file.suffix.lower() in _WEIGHTS]
    # The best, else the last by name: epochs are written with leading zeros.
    best = [file for file in weights if file.stem == _PREFERRED]
    configs = [file for file in files if file.suffix.lower() in _CONFIGS]
    logs = [file for file in files if file.suffix.lower() in _LOGS]
    found = (
        (best or weights[-1:] or [None])[0],
        (configs or [None])[0],
        (logs or [None])[0],
    )
    if not any(found):
        raise InputError(
            "{path} holds no checkpoint, no configuration and no log.",
            remedy="Give a file that ends with one of: {known}.",
            path=source,
            known=", ".join((*_WEIGHTS, *_CONFIGS, *_LOGS)),
        )
    return found


def _draw_log(run: RunContext, log: ImportedLog) -> None:
    """Report known values as a run does; draw the others in a panel of their own."""
    known = {metric.key for metric in run.spec.metrics}
    strange: dict[str, tuple[list[int], list[float]]] = {}
    for epoch in log.epochs:
        for name, value in log.of_epoch(epoch).items():
            if name in known:
                run.metric(name, value, split=split_of(name), step=epoch, epoch=epoch)
            else:
                steps, values = strange.setdefault(name, ([], []))
                steps.append(epoch)
                values.append(value)
    if strange:
        series = [{"name": name, "x": x, "y": y} for name, (x, y) in sorted(strange.items())]
        run.panel(
            "log",
            PanelFile(
                kind=PanelKind.CURVE,
                title="Other values of the log",
                data={"series": series, "x_label": "epoch", "y_label": ""},
            ),
        )
    run.summary["log_epochs"] = len(log.epochs)
    run.summary["log_values"] = len(log.values)


def _import_checkpoint(run: RunContext, config: ImportConfig, file: Path, known: KnownConfig | None) -> None:
    content = load_checkpoint(file)
    parts, notes = _parts(content, file)
    settings = known.settings if known else {}
    architecture = Architecture(
        generator=config.generator,
        residual_output=bool(settings.get("residual_output", config.residual_output)),
        registrar=config.registrar if "registrar" in parts else "",
        disc_type=str(settings.get("disc_type", "patchgan")) if "discriminator" in parts else "",
        d_cond_mode=str(settings.get("d_cond_mode", "concat")),
        ndf=int(settings.get("ndf", 64)),
        num_d=int(settings.get("num_d", 2)),
        fusion="product" if "refiner" in parts else "",
        residual_base="input",
        refine_hidden=int(settings.get("refine_hidden", 64)),
        refine_blocks=int(settings.get("refine_blocks", 6)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = SynthesisNetwork(architecture)
    reports = {part: _fill(getattr(network, part), tensors) for part, tensors in parts.items()}
    report = _joined(reports, tuple(notes))
    if any(not entry.is_complete for part, entry in reports.items() if part in ("generator", "refiner")):
        run.folder.outputs_dir.mkdir(parents=True, exist_ok=True)
        report.model_copy(update={"source": str(file)}).write(run.folder.outputs_dir / FILE_NAME)
        raise CheckpointError(
            "The weights of {path} are of another architecture: {problems}.",
            remedy="Set generator to its size ({sizes}); the report lists every layer.",
            path=file.name,
            problems=_problems(report),
            sizes=", ".join(SIZES),
        )
    window = chosen_window(config.window, config.window_low, config.window_high)
    facts = checkpoint_facts(
        architecture, window, neighbour_mm=config.neighbour_mm, crop_px=config.crop_px
    ) | {
        "pipeline": run.request.pipeline,
        "phase": run.request.phase,
        "is_averaged": any("averaged" in note for note in notes),
    }
    publish_import(run, file, network.state_dict(), facts, report)


def _parts(content: Mapping[str, Any], file: Path) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """Return the tensors of each network, averaged ones where both are there, and what was chosen."""
    found: dict[str, dict[str, Tensor]] = {}
    notes = []
    for part, names in _SECTIONS.items():
        averaged = [name + end for name in names for end in _AVERAGED] + [f"ema_{name}" for name in names]
        for name in (*averaged, *names):
            tensors = _tensors_at(content, name)
            if tensors:
                found[part] = tensors
                kind = "averaged" if name in averaged else "online"
                notes.append(f"The {part} was taken from '{name}' ({kind} weights).")
                break
    if not found:
        found["generator"] = load_weights(file)
        notes.append("The file holds one network; it was taken for G.")
    if "generator" not in found:
        raise CheckpointError(
            "The file holds no generator; it has: {found}.",
            remedy="Choose the checkpoint that holds G.",
            found=", ".join(str(key) for key in list(content)[:8]) or "nothing",
        )
    return found, notes


def _tensors_at(content: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    for place in (name, f"{name}_state_dict", f"{name}_state"):
        section = content.get(place)
        if isinstance(section, Mapping):
            own = _with_prefix(section, "")
            if own:
                return _unwrapped(own)
    sections = [content.get(outer) for outer in _OUTER]
    for section in (*sections, content):
        if not isinstance(section, Mapping):
            continue
        nested = section.get(name)
        if isinstance(nested, Mapping):
            return _unwrapped(_with_prefix(nested, ""))
        flat = _with_prefix(section, f"{name}.")
        if flat:
            return _unwrapped(flat)
    return {}


def _with_prefix(section: Mapping[Any, Any], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {
        str(key).removeprefix(prefix): value
        for key, value in section.items()
        if str(key).startswith(prefix) and isinstance(value, Tensor)
    }


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> WeightsReport:
    """Match by name, else by order where every shape agrees, else say what differs layer by layer."""
    own = module.state_dict()
    if set(own) & set(tensors):
        return fill(module, tensors)
    floating = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    if [tuple(t.shape) for t in own.values()] == [tuple(t.shape) for t in floating.values()]:
        report = fill(module, dict(zip(own, floating.values(), strict=True)))
        note = "Layers were matched by their order: all shapes agree, the names do not."
        return report.model_copy(update={"notes": (*report.notes, note)})
    pairs = list(zip(own.items(), floating.items(), strict=False))
    return WeightsReport(
        other_shape=tuple(
            OtherShape(name=f"{a} ({b})", in_file=tuple(found.shape), in_model=tuple(expected.shape))
            for (a, expected), (b, found) in pairs
            if expected.shape != found.shape
        ),
        missing=tuple(list(own)[len(floating) :]),
        unused=tuple(list(floating)[len(own) :]),
        notes=("Neither names nor shapes in order agree; nothing was taken.",),
    )


def _joined(reports: Mapping[str, WeightsReport], notes: tuple[str, ...]) -> WeightsReport:
    def named(part: str, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{part}.{name}" for name in names)

    return WeightsReport(
        matched=sum((named(part, report.matched) for part, report in reports.items()), ()),
        missing=sum((named(part, report.missing) for part, report in reports.items()), ()),
        unused=sum((named(part, report.unused) for part, report in reports.items()), ()),
        other_shape=tuple(
            entry.model_copy(update={"name": f"{part}.{entry.name}"})
            for part, report in reports.items()
            for entry in report.other_shape
        ),
        notes=(*notes, *(note for report in reports.values() for note in report.notes)),
    )


def _problems(report: WeightsReport) -> str:
    shapes = [f"{entry.name} is {entry.in_file}, not {entry.in_model}" for entry in report.other_shape[:3]]
    missing = [f"{name} is missing" for name in report.missing[:2]]
    return "; ".join([*shapes, *missing]) or "layers that are not known"
