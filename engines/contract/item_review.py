"""What an engine says of its result for one item: ``outputs/review/<item id>.json``.

The window sorts its queue by it, shows each value as it is, and offers each step by itself, so a pipeline
brings gates, numbers and steps without any code of the window. A gate only suggests: a person decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.contract.component_table import ComponentColumn, Value
from engines.contract.errors import InputError
from engines.contract.files import write_text_atomically

ROLE = "review"
"""Of the output of a pipeline that writes such files."""
Status = Literal["accept", "review", "reject"]
ReviewColumn = ComponentColumn
"""A column: key with its unit, title, help, decimals."""

CHANGED_ML = "changed_ml"
"""Key of the size of a change, by which the queue is sorted within a status."""
COMMON_COLUMNS: tuple[ReviewColumn, ...] = (
    ReviewColumn(key="volume_before_ml", title="Before / mL", help="Volume in the input.", decimals=3),
    ReviewColumn(key="volume_after_ml", title="After / mL", help="Volume in the result.", decimals=3),
    ReviewColumn(
        key=CHANGED_ML,
        title="Changed / mL",
        help="Volume that was added plus what was taken away.",
        decimals=3,
    ),
    ReviewColumn(key="components_before", title="Pieces before", help="Components in the input.", decimals=0),
    ReviewColumn(key="components_after", title="Pieces after", help="Components in the result.", decimals=0),
    ReviewColumn(
        key="dice_to_input",
        title="Agreement",
        help="Dice of result and input: there is no ground truth.",
        decimals=3,
    ),
)
"""Columns that most pipelines can fill; a pipeline may add others."""


class Reason(BaseModel):
    """A rule of the gate that fired.

    Attributes
    ----------
    rule : str
        Its key.
    text : str
        What it found, as an English template over `values`, with how to act.
    values : dict
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: str
    values: dict[str, float | str] = {}


class ReviewStep(BaseModel):
    """A label map that was made on the way to the result.

    Attributes
    ----------
    role : str
        Of the output: ``outputs/<role>/<item id>.nii.gz``.
    title : str
        An English template, for example ``"Cleaned"``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str
    title: str


class Conflict(BaseModel):
    """Voxels that two classes wanted.

    Attributes
    ----------
    winner, loser : int
        Classes of the label map.
    num_voxels : int
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    winner: int
    loser: int
    num_voxels: int = Field(ge=0)


class ItemReview(BaseModel):
    """The result for one item, as its pipeline sees it.

    Attributes
    ----------
    status : "accept", "review" or "reject"
    reasons : tuple of Reason
        Empty when nothing speaks against it.
    values : dict
        By column key; what is missing was not measured.
    columns : tuple of ReviewColumn
    steps : tuple of ReviewStep
        In the order in which they were made; the last is the result.
    threshold : float or None
        Of the probability, see `engines.contract.probability_file`; None without one.
    report : str
        An HTML page, relative to the run folder; empty for none.
    conflicts : tuple of Conflict
        Of classes that were put into one label map.
    priority : tuple of int
        Classes, the strongest first; empty where none were put together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status
    reasons: tuple[Reason, ...] = ()
    values: dict[str, Value] = {}
    columns: tuple[ReviewColumn, ...] = COMMON_COLUMNS
    steps: tuple[ReviewStep, ...] = ()
    threshold: float | None = Field(default=None, ge=0.0, le=1.0)
    report: str = ""
    conflicts: tuple[Conflict, ...] = ()
    priority: tuple[int, ...] = ()

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> ItemReview:
        """Read a review.

        Raises
        ------
        InputError
            If the file is missing or holds something else.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise InputError(
                "The review {path} cannot be read.", remedy="Run the pipeline again.", path=path
            ) from error
