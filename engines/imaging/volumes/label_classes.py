"""What the numbers of a label map mean: names and colours, and the tables of public data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from engines.contract.errors import InputError, UnknownKeyError
from engines.contract.resources import resource_path

LARGEST_LABEL = 65535
_PALETTE = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
    "#8DD3C7", "#FB8072", "#B3DE69", "#BC80BD", "#FFED6F", "#80B1D3", "#FDB462",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One class of a label map.

    Parameters
    ----------
    value : int
        The number in the voxels, 1 to `LARGEST_LABEL`; 0 is background and no class.
    name : str
    colour : "#rrggbb"
    """

    value: int
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class ClinicalTerm:
    """What a class is in SNOMED CT: codes and their meanings, as DICOM writes them.

    Parameters
    ----------
    code, meaning : str
    category_code, category_meaning : str
        What sort of thing it is: an anatomical structure, an abnormal one.
    """

    code: str
    meaning: str
    category_code: str
    category_meaning: str


def colour_of(value: int) -> str:
    """Return the colour of a class that no table names; neighbours differ."""
    return _PALETTE[(value - 1) % len(_PALETTE)]


def named(values: Iterable[int], known: Sequence[LabelClass] = ()) -> tuple[LabelClass, ...]:
    """Return a class for each value but 0, in ascending order; unknown ones are called by their number."""
    table = {found.value: found for found in known}
    return tuple(
        table.get(value, LabelClass(value, f"label {value}", colour_of(value)))
        for value in sorted(set(values) - {0})
    )


def class_tables() -> tuple[str, ...]:
    """Return the keys of the shipped tables."""
    return tuple(sorted(path.stem for path in resource_path("label_classes").glob("*.yaml")))


def class_table(key: str) -> tuple[LabelClass, ...]:
    """Return a shipped table, such as ``"public_cardiac_ct"``.

    Raises
    ------
    UnknownKeyError
        With the known tables.
    """
    return classes_from(_table(key)["classes"])


def clinical_terms() -> dict[str, ClinicalTerm]:
    """Return what the shipped tables know of classes, by name in lower case.

    A name says what a class is, wherever it was typed; its number means something in its own table only.
    """
    terms: dict[str, ClinicalTerm] = {}
    for key in class_tables():
        table = _table(key)
        names = {row["value"]: row["name"] for row in table["classes"]}
        category = table.get("category", {})
        for value, term in table.get("terms", {}).items():
            terms[names[value].casefold()] = ClinicalTerm(
                term["code"], term["meaning"], category["code"], category["meaning"]
            )
    return terms


def _table(key: str) -> dict[str, Any]:
    if key not in class_tables():
        raise UnknownKeyError(
            "There is no class table '{key}'.",
            remedy="Choose one of: {known}.",
            key=key,
            known=", ".join(class_tables()),
        )
    path = resource_path("label_classes", f"{key}.yaml")
    table: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return table


def classes_from(rows: Iterable[Mapping[str, Any]]) -> tuple[LabelClass, ...]:
    """Read classes from plain data; a missing colour is chosen.

    Raises
    ------
    InputError
        If a value is no label, or is there twice, or a name is empty.
    """
    found: dict[int, LabelClass] = {}
    for row in rows:
        value, name = row.get("value"), str(row.get("name") or "").strip()
        if not isinstance(value, int) or not 1 <= value <= LARGEST_LABEL or value in found or not name:
            raise InputError(
                "'{row}' is no class: a class has a value of its own from 1 to {largest}, and a name.",
                remedy="Correct the class table.",
                row=dict(row),
                largest=LARGEST_LABEL,
            )
        found[value] = LabelClass(value, name, str(row.get("colour") or colour_of(value)))
    return tuple(found[value] for value in sorted(found))


def plain(classes: Iterable[LabelClass]) -> list[dict[str, Any]]:
    """Return classes as plain data, for `classes_from`."""
    return [{"value": one.value, "name": one.name, "colour": one.colour} for one in classes]
