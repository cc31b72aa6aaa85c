"""`RunConfig`: the typed settings of a run, from which form, command line and help text come.

Every field states type, bounds, a one-sentence description and a unit through `setting`. Unknown keys
are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.contract.errors import ConfigError

SCHEMA_VERSION = 1


_BOOLEAN = "tag:yaml.org,2002:bool"
_TRUE_OR_FALSE = re.compile("^(?:true|True|TRUE|false|False|FALSE)$")


class _SettingsLoader(yaml.SafeLoader):
    """A safe loader to which only ``true`` and ``false`` are truth values.

    YAML 1.1 also takes on, off, yes and no for them; here they are words, as in YAML 1.2, since choices
    are called so.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the base class
        first: [(tag, _TRUE_OR_FALSE if tag == _BOOLEAN else pattern) for tag, pattern in pairs]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    is_advanced: bool = False,
) -> Any:
    """Declare one field of a `RunConfig`.

    Parameters
    ----------
    default : object
    description : str
        One sentence; it is the help text and the tooltip.
    unit : str
        ``"px"``, ``"deg"``, ``"min"``...; empty for a pure number.
    ge, gt, le, lt : float or None
        Bounds.
    is_advanced : bool
        Whether the form folds it away.
    """
    return Field(
        default,
        description=description,
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        json_schema_extra={"unit": unit, "advanced": is_advanced},
    )


class RunConfig(BaseModel):
    """Settings of one action; a pipeline derives its own from it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=False
    )

    seed: int = setting(0, "Seed of every random choice of the run.", ge=0, le=2**31 - 1)
    num_threads: int = setting(
        0, "Processor threads of the run; 0 takes all cores but one.", ge=0, le=256, is_advanced=True
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where networks compute; auto takes a graphics card when there is one.", is_advanced=True
    )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Validate plain values.

        Raises
        ------
        ConfigError
            One sentence for the first wrong value: the key, what is wrong, and what would be right.
        """
        known = set(cls.model_fields)
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                raise ConfigError(
                    "Unknown setting '{key}'.",
                    remedy="Did you mean '{near}'?" if near else "Known settings: {known}.",
                    key=key,
                    near=near[0] if near else "",
                    known=", ".join(sorted(known)),
                )
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                "Setting '{key}' cannot be {value}: {reason}.",
                remedy="Give another value for '{key}'." if where else "Change one of the two.",
                key=where or "settings",
                value=repr(first["input"]) if where else "combined like this",
                reason=first["msg"].removeprefix("Value error, ").rstrip("."),
            ) from error

    def values(self) -> dict[str, Any]:
        """Return every resolved value as plain data."""
        return self.model_dump(mode="json")


class ImportWeightsConfig(RunConfig):
    """Settings of making a model from weights of another program; pipelines add their own."""

    source: str = setting("", "File or folder with the weights, as an absolute path.")


class TrainingConfig(RunConfig):
    """Settings that the shared training loop reads; each pipeline's training config derives from it."""

    epochs: int = setting(20, "Passes over the training items.", unit="epochs", ge=1, le=100_000)
    max_steps: int = setting(
        0, "Optimiser steps at most; 0 means no limit but the epochs.", unit="steps", ge=0, le=100_000_000
    )
    max_minutes: float = setting(
        0.0, "Time after which training ends by itself; 0 means no limit.", unit="min", ge=0, le=100_000
    )
    batch_size: int = setting(2, "Items in one batch.", unit="items", ge=1, le=1024)
    accumulate_batches: int = setting(
        1,
        "Batches whose gradients are added up before one step.",
        unit="batches",
        ge=1,
        le=1024,
        is_advanced=True,
    )
    learning_rate: float = setting(1e-4, "Peak learning rate of the optimiser.", gt=0, le=1)
    weight_decay: float = setting(0.0, "Decoupled weight decay.", ge=0, le=1, is_advanced=True)
    schedule: Literal["constant", "cosine"] = setting(
        "cosine", "Course of the learning rate.", is_advanced=True
    )
    warmup_steps: int = setting(
        0,
        "Steps over which the learning rate rises from zero.",
        unit="steps",
        ge=0,
        le=1_000_000,
        is_advanced=True,
    )
    gradient_clip_norm: float = setting(
        1.0, "Largest norm of the gradient; 0 does not clip.", ge=0, le=1e6, is_advanced=True
    )
    ema_decay: float = setting(
        0.0,
        "Decay of the averaged weights used to validate; 0 uses the weights themselves.",
        ge=0,
        lt=1,
        is_advanced=True,
    )
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = setting(
        "32-true", "Number format of the computation.", is_advanced=True
    )
    devices: int = setting(1, "Devices to train on in parallel.", ge=1, le=64, is_advanced=True)
    num_workers: int = setting(
        0,
        "Processes that prepare items ahead; 0 prepares them in the run itself.",
        ge=0,
        le=64,
        is_advanced=True,
    )
    validate_every_epochs: int = setting(1, "Epochs between validations.", unit="epochs", ge=1, le=10_000)
    early_stopping_patience: int = setting(
        0,
        "Validations without improvement before training ends; 0 never ends early.",
        unit="validations",
        ge=0,
        le=10_000,
    )
    checkpoint_every_s: float = setting(
        300.0, "Time between checkpoints.", unit="s", gt=0, le=86_400, is_advanced=True
    )
    preview_every_epochs: int = setting(
        1,
        "Epochs between previews of the fixed validation items; 0 writes none.",
        unit="epochs",
        ge=0,
        le=10_000,
        is_advanced=True,
    )


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``key=value`` words of a command line; values are YAML scalars.

    Raises
    ------
    ConfigError
        If a word has no ``=`` or its value is not YAML.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key.strip():
            raise ConfigError(
                "'{pair}' is not of the form key=value.", remedy="Write --set key=value.", pair=pair
            )
        try:
            value = yaml.load(text, Loader=_SettingsLoader)
        except yaml.YAMLError as error:
            raise ConfigError(
                "The value of '{key}' cannot be read: {text}.",
                remedy="Write a number or a word.",
                key=key,
                text=text,
            ) from error
        # YAML 1.1 takes 1e-4 for a word; people mean the number.
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = text.strip()
        values[key.strip()] = value
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises
    ------
    ConfigError
        If it cannot be read or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_SettingsLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            "{path} cannot be read: {reason}.",
            remedy="Restore the file or delete it.",
            path=path.name,
            reason=str(error).splitlines()[0],
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            "{path} does not hold settings by name.", remedy="Write 'key: value' lines.", path=path.name
        )
    return values
