"""A grade as a run receives it: ``annotations/<item>.grade.json``, one class name and where it comes from."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.errors import InputError
from engines.contract.files import write_text_atomically


class GradeFile(BaseModel):
    """The grade of an item.

    Attributes
    ----------
    grade : str
        A class name, for example ``"HGG"``.
    source : str
        Table, column and row it was read from, or ``"annotated"``.
    annotator : str
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grade: str
    source: str = ""
    annotator: str = ""

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> GradeFile:
        """Read a grade.

        Raises
        ------
        InputError
            If the file is missing or is no grade.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise InputError(
                "The grade {path} cannot be read.", remedy="Start the run again from the project.", path=path
            ) from error
