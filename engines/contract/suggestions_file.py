"""The JSON file of suggested keypoint pairs: ``outputs/suggestions/<item id>.json``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.contract.errors import InputError
from engines.contract.files import write_text_atomically
from engines.contract.geometry import PIXEL_CONVENTION


class SuggestedPair(BaseModel):
    """One pair: native pixels of both images, and how sure the method is, 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fixed_xy: tuple[float, float]
    moving_xy: tuple[float, float]
    score: float = Field(ge=0.0, le=1.0)


class SuggestionsFile(BaseModel):
    """Keypoint pairs that a method suggests for one item, the surest first.

    Attributes
    ----------
    method : str
        Row name of the method, for example ``"classical"`` or ``"model"``.
    reason : str
        Why there are none; empty when there are some.
    fixed_sha256, moving_sha256 : str
        Of the images that the points belong to.
    pairs : tuple of SuggestedPair
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    reason: str = ""
    fixed_sha256: str = ""
    moving_sha256: str = ""
    pixel_convention: str = PIXEL_CONVENTION
    pairs: tuple[SuggestedPair, ...] = ()

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> SuggestionsFile:
        """Read suggestions.

        Raises
        ------
        InputError
            If the file is missing or holds no suggestions.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise InputError(
                "The suggestions {path} cannot be read.", remedy="Ask for suggestions again.", path=path
            ) from error
