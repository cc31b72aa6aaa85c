"""The engine's process: priority, threads, who it is, its heartbeat and its environment. No torch."""

from __future__ import annotations

import logging
import os
import platform
import socket
import sys
import threading
from importlib import metadata
from typing import Any

import psutil

from engines.contract.config import RunConfig
from engines.contract.files import write_json_atomically
from engines.contract.run_folder import ProcessRecord, RunFolder, RunRequest

HEARTBEAT_S = 2.0

_PACKAGES = (
    "annotation-training-workstation",
    "kornia",
    "lightning-fabric",
    "monai",
    "numpy",
    "opencv-python",
    "pillow",
    "psutil",
    "pydantic",
    "safetensors",
    "scikit-image",
    "scipy",
    "SimpleITK",
    "tensorboard",
    "torch",
)

_log = logging.getLogger(__name__)


def lower_priority(niceness: int = 10) -> None:
    """Let the window and other programs go first; a system that refuses is left as it is."""
    process = psutil.Process()
    try:
        if os.name == "nt":
            process.nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 0))
        else:
            process.nice(min(19, max(process.nice(), niceness)))
    except (psutil.Error, OSError) as error:
        _log.info("The priority could not be lowered: %s", error)


def thread_count(num_threads: int) -> int:
    """Return the processor threads of a run: as set, or all cores but one."""
    return num_threads or max(1, (os.cpu_count() or 2) - 1)


def limit_threads(num_threads: int) -> int:
    """Bound the threads of the numerical libraries; must run before they are imported.

    Waiting threads sleep instead of spinning, which on a busy machine is several times faster.
    """
    count = thread_count(num_threads)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    return count


def this_process() -> ProcessRecord:
    """Return who we are."""
    return ProcessRecord(os.getpid(), psutil.Process().create_time(), socket.gethostname())


def is_here(record: ProcessRecord) -> bool:
    """Tell whether a recorded process was one of this machine."""
    return record.host == socket.gethostname()


def is_running(record: ProcessRecord | None) -> bool:
    """Tell whether a recorded process lives on this machine; its start time tells it from a later one."""
    if record is None or not is_here(record):
        return False
    try:
        process = psutil.Process(record.pid)
        return (
            process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - record.started_at) < 1.0
        )
    except psutil.Error:
        return False


def rank() -> int:
    """Return which of several cooperating processes this one is; only process 0 writes to the run folder."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if name in os.environ:
            return int(os.environ[name])
    return 0


class Heartbeat:
    """Touch the run's heartbeat file from a thread, as a context manager."""

    def __init__(self, folder: RunFolder, period_s: float = HEARTBEAT_S) -> None:
        self._folder = folder
        self._period_s = period_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._folder.touch_heartbeat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._is_over.wait(self._period_s):
            try:
                self._folder.touch_heartbeat()
            except OSError as error:
                # A full disk or a share that is away for a moment must not end the run.
                _log.warning("The heartbeat could not be written: %s", error)


def write_environment(folder: RunFolder, request: RunRequest, config: RunConfig) -> dict[str, Any]:
    """Write `environment.json`: versions, platform, seed and command line; return its content."""
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "host": socket.gethostname(),
        "argv": sys.argv,
        "command": request.command,
        "pipeline": request.pipeline,
        "seed": config.seed,
        "num_threads": thread_count(config.num_threads),
        "device_wanted": config.device,
        "packages": _versions(),
    }
    write_json_atomically(folder.environment_path, facts)
    return facts


def _versions() -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
