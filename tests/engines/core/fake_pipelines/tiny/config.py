from __future__ import annotations

from engines.contract.config import RunConfig, TrainingConfig, setting


class TinyTrainingConfig(TrainingConfig):
    break_at_step: int = setting(0, "Step in which the task raises; 0 never.", ge=0)
    nan_at_step: int = setting(0, "Step in which the loss is NaN; 0 never.", ge=0)
    breaks_validation: bool = setting(False, "Whether validation raises.")
    is_metric_undefined: bool = setting(False, "Whether the second metric is undefined.")
    step_delay_s: float = setting(0.0, "Time that each batch takes in addition.", unit="s", ge=0)
    width: int = setting(8, "Width of the network.", ge=1)


class TinyConfig(RunConfig):
    pass
