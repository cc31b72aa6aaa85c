"""Devices, precision and threads through Lightning Fabric, and the state of the random generators."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from engines.contract.config import RunConfig, TrainingConfig
from engines.contract.errors import ConfigError
from engines.core.process import thread_count


def choose_device(config: RunConfig) -> torch.device:
    """Return the device of a run that does not train.

    Raises
    ------
    ConfigError
        If the device asked for is not there.
    """
    torch.set_num_threads(thread_count(config.num_threads))
    return torch.device(_accelerator(config.device))


def launch_fabric(config: TrainingConfig) -> Fabric:
    """Set up devices and precision.

    Raises
    ------
    ConfigError
        If the device asked for is not there, or the precision does not work on it.
    """
    torch.set_num_threads(thread_count(config.num_threads))
    accelerator = _accelerator(config.device)
    if accelerator == "cpu" and config.precision == "16-mixed":
        raise ConfigError(
            "Precision 16-mixed needs a graphics card; this run is on the processor.",
            remedy="Set precision to 32-true or bf16-mixed.",
        )
    fabric = Fabric(accelerator=accelerator, devices=config.devices, precision=config.precision)
    fabric.launch()
    return fabric


def _accelerator(wanted: str) -> str:
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name, is_there in available.items() if is_there)
    if not available[wanted]:
        raise ConfigError(
            "There is no device '{device}' on this computer.",
            remedy="Set device to auto or cpu, or install the torch build for it.",
            device=wanted,
        )
    return wanted


def device_facts(fabric: Fabric, config: TrainingConfig) -> dict[str, Any]:
    """Return what `environment.json` says about the devices."""
    facts: dict[str, Any] = {
        "device": fabric.device.type,
        "devices": fabric.world_size,
        "precision": config.precision,
        "torch_threads": torch.get_num_threads(),
    }
    if fabric.device.type == "cuda":
        facts["device_name"] = torch.cuda.get_device_name(fabric.device)
        facts["device_memory_bytes"] = torch.cuda.get_device_properties(fabric.device).total_memory
        facts["cuda"] = torch.version.cuda
    return facts


def seed_generators(seed: int) -> None:
    """Seed Python, NumPy and torch on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def generator_state() -> dict[str, Any]:
    """Return the state of all random generators as tensors and plain values."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    assert kind == "MT19937"
    version, internal, gauss_next = random.getstate()
    numpy_keys = torch.from_numpy(np.asarray(keys).astype(np.int64))
    return {
        "python": [version, list(internal), gauss_next],
        "numpy": [numpy_keys, int(position), int(has_gauss), float(gauss)],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_generators(state: Mapping[str, Any]) -> None:
    """Put every random generator where `generator_state` saw it."""
    version, internal, gauss_next = state["python"]
    random.setstate((version, tuple(internal), gauss_next))
    keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    # A run may go on where there are fewer cards, or none.
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def fixed_generators(seed: int) -> Iterator[None]:
    """Run a block from fixed random generators and leave those of the training untouched."""
    state = generator_state()
    seed_generators(seed)
    try:
        yield
    finally:
        restore_generators(state)
