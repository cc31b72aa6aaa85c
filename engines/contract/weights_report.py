"""What became of foreign weights: ``outputs/weights_report.json`` of an importing run."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.errors import RunFolderError
from engines.contract.files import write_text_atomically

FILE_NAME = "weights_report.json"


class OtherShape(BaseModel):
    """A tensor that both sides know by one name, with two shapes.

    Attributes
    ----------
    name : str
        As the model calls it.
    in_file, in_model : tuple of int
        Shapes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    in_file: tuple[int, ...]
    in_model: tuple[int, ...]


class WeightsReport(BaseModel):
    """Which tensors of a file went into a model.

    Attributes
    ----------
    source : str
        The file.
    matched : tuple of str
        Tensors of the model that were filled.
    missing : tuple of str
        Tensors of the model that the file does not have; they keep what they were initialised with.
    unused : tuple of str
        Tensors of the file that the model does not have, by the file's names.
    other_shape : tuple of OtherShape
        They keep what they were initialised with, too.
    notes : tuple of str
        What else people should know, English sentences.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = ""
    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    other_shape: tuple[OtherShape, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every tensor of the model was filled."""
        return bool(self.matched) and not self.missing and not self.other_shape

    def with_notes(self, *notes: str) -> WeightsReport:
        """Return the same report with more notes."""
        return self.model_copy(update={"notes": (*self.notes, *notes)})

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> WeightsReport:
        """Read a report.

        Raises
        ------
        RunFolderError
            If the file is missing or holds something else.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise RunFolderError(
                "The report of imported weights {path} cannot be read.",
                remedy="Import the weights again.",
                path=path,
            ) from error
