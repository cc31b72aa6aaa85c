"""Label codings of brain tumours, told over a whole set of cases, and the regions of each. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engines.contract.errors import InputError

CodingKey = Literal["2017", "2023", "2012", "binary"]
REGIONS = ("wt", "tc", "et")


@dataclass(frozen=True)
class LabelCoding:
    """What the numbers of a label map mean.

    Parameters
    ----------
    key : str
        First year of the data sets that use it.
    core, enhancing : frozenset of int
        Labels of the tumour core and of its enhancing part.
    necrosis, oedema, bright : int
        Labels written for a predicted core, surroundings, and enhancing part.
    """

    key: CodingKey
    core: frozenset[int]
    enhancing: frozenset[int]
    necrosis: int = 1
    oedema: int = 2
    bright: int = 4

    @property
    def num_regions(self) -> int:
        """Regions that it tells apart: the whole tumour alone, or three."""
        return 1 if self.key == "binary" else len(REGIONS)


CODINGS: Mapping[CodingKey, LabelCoding] = {
    "2017": LabelCoding("2017", frozenset({1, 4}), frozenset({4})),
    "2023": LabelCoding("2023", frozenset({1, 3}), frozenset({3}), bright=3),
    "2012": LabelCoding("2012", frozenset({1, 3, 4}), frozenset({4})),
    "binary": LabelCoding("binary", frozenset(), frozenset(), oedema=1),
}


def detect_coding(values_of: Mapping[str, Iterable[int]]) -> LabelCoding:
    """Return the one coding of a set of cases.

    A single case does not show it: a low grade may have label 1 and 2 only.

    Parameters
    ----------
    values_of : mapping of case to labels other than 0

    Raises
    ------
    InputError
        If some cases need label 4 and others label 3 for the enhancing part.
    """
    found = {name: set(values) - {0} for name, values in values_of.items()}
    everything = set().union(*found.values()) if found else set()
    if not everything <= {1, 2, 3, 4} or everything <= {1}:
        return CODINGS["binary"]
    if not {3, 4} <= everything:
        return CODINGS["2023" if 3 in everything else "2017"]
    if any({3, 4} <= values for values in found.values()):
        return CODINGS["2012"]
    with_three = sorted(name for name, values in found.items() if 3 in values)
    with_four = sorted(name for name, values in found.items() if 4 in values)
    raise InputError(
        "The label maps have two codings: {three} have label 3, {four} have label 4, and none has both.",
        remedy="Import each data set by itself, convert the labels of one, or set label_coding if all are of "
        "2012 to 2016.",
        three=_few(with_three),
        four=_few(with_four),
    )


def regions_of(labels: npt.NDArray[Any], coding: LabelCoding, num_regions: int) -> npt.NDArray[np.bool_]:
    """Return whole tumour, core and enhancing part, bool (R, ...): one mask for each of the first regions."""
    parts = [labels > 0]
    if num_regions > 1:
        parts += [np.isin(labels, list(coding.core)), np.isin(labels, list(coding.enhancing))]
    return np.stack(parts[:num_regions])


def labels_of(regions: npt.NDArray[np.bool_], coding: LabelCoding) -> npt.NDArray[np.uint8]:
    """Return labels of predicted regions (R, ...); a part outside the whole tumour does not count."""
    whole = regions[0]
    labels = np.where(whole, coding.oedema, 0).astype(np.uint8)
    if len(regions) > 1:
        core = whole & regions[1]
        labels[core] = coding.necrosis
        labels[core & regions[2]] = coding.bright
    return labels


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
