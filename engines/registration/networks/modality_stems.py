"""Which first layers of a network read an image. No torch here."""

from __future__ import annotations

from typing import Literal, TypeAlias

Stems: TypeAlias = Literal["shared", "polarity", "modality"]
NUM_STEMS: dict[Stems, int] = {"shared": 1, "polarity": 2, "modality": 4}
_STEM_OF_MODALITY = {"OCT": 2, "OCTA": 3}


def stem_index(polarity: str, modality: str | None = None) -> int:
    """Return which first layers read an image: 0 dark vessels, 1 bright ones, 2 OCT, 3 OCTA.

    A network with fewer stems takes the index modulo their number: OCT is then read as dark vessels, OCTA
    as bright ones.
    """
    bright = int(polarity == "bright")
    index = _STEM_OF_MODALITY.get((modality or "").upper(), bright)
    # What is measured in the image wins over its name.
    return index if index % 2 == bright else bright
