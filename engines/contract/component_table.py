"""What an engine says of the components of a label map: ``outputs/components/<item id>.json``.

The window shows each column as it is, so a pipeline brings distances, rule hits or a suggestion without
any code of the window. A component is named by one of its voxels: numbers change with every edit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.contract.errors import InputError
from engines.contract.files import write_text_atomically

ROLE = "components"
"""Of the output of a pipeline that writes such tables."""
RULES = "rules"
"""Key of the column with the rules that a component hit, separated by commas."""
Value = float | str | None


class ComponentColumn(BaseModel):
    """A column.

    Attributes
    ----------
    key : str
        lower_snake_case with its unit, for example ``"distance_aorta_mm"``.
    title : str
        Of the header, with its unit; an English template.
    help : str
        One sentence.
    decimals : int
        Of numbers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    help: str = ""
    decimals: int = Field(default=1, ge=0, le=6)


class ComponentRecord(BaseModel):
    """One component.

    Attributes
    ----------
    label : int
        Its class.
    voxel : (i, j, k)
        One of its voxels, on the grid of the label map.
    proposal : str
        ``"accept"``, ``"reject"`` or ``""``: what the pipeline would do; the person decides.
    values : dict
        By column key; what is missing was not measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: int
    voxel: tuple[int, int, int]
    proposal: Literal["", "accept", "reject"] = ""
    values: dict[str, Value] = {}


class ComponentTable(BaseModel):
    """The components of one label map, as a pipeline sees them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[ComponentColumn, ...] = ()
    components: tuple[ComponentRecord, ...] = ()

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> ComponentTable:
        """Read a table.

        Raises
        ------
        InputError
            If the file is missing or holds something else.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise InputError(
                "The table of components {path} cannot be read.",
                remedy="Run the pipeline again.",
                path=path,
            ) from error
