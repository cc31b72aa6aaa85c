"""Checking a table of files row by row, before anything is written.

Images stay where they are; every one is decoded once, so that a truncated file is found now.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from engines.contract.errors import GeometryError, InputError, TableError, UnknownKeyError
from engines.contract.kinds import FileKind, ItemKind, Split
from engines.contract.messages import Message
from engines.contract.spec import RoleSpec
from engines.imaging.volumes.merged_masks import MergedMasks
from workstation.project.importers.inspection import FileFacts, inspect_file
from workstation.project.importers.plan import MASK_KINDS, Draft, Plan, image_of_mask, known_roles
from workstation.project.importers.reading import ITEM_COLUMNS, Row, Table
from workstation.project.importers.report import ImportReport
from workstation.project.importers.volume_reading import ROLE_MODALITIES, VolumeSource, is_converted
from workstation.project.importers.volume_rows import (
    VolumeKeeper,
    apart_text,
    check_file_kind,
    check_label_grid,
    description,
    remarks,
    series_at,
    with_classes,
)
from workstation.project.items import NewFile

_LATERALITIES = {"od": "OD", "r": "OD", "right": "OD", "os": "OS", "l": "OS", "left": "OS", "ou": "OU"}
_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
_RESERVED_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_NAME = 80
Choice = TypeVar("Choice", ItemKind, Split)


def plan_tables(
    tables: Iterable[Table],
    plan: Plan,
    report: ImportReport,
    kind: ItemKind | None,
    tick: Callable[[], None],
    keeper: VolumeKeeper,
    facts: Mapping[Path, FileFacts] | None = None,
    sources: Mapping[Path, VolumeSource] | None = None,
) -> None:
    """Add the good rows of tables to a plan and the others to the report.

    Parameters
    ----------
    tables : iterable of Table
    plan : Plan
    report : ImportReport
    kind : ItemKind or None
        Kind of every item; None: the `kind` column, else by the roles.
    tick : callable
        Called before each row; raises `Cancelled`.
    keeper : VolumeKeeper
        Writes volumes that are no file of their own.
    facts : mapping of Path to FileFacts, optional
        Files that were read already.
    sources : mapping of Path to VolumeSource, optional
        What volumes are made of that are no file of their own.
    """
    rows = []
    for table in tables:
        importer = _TableImporter(table, plan, report, kind, keeper, facts or {}, sources or {})
        rows += [(importer.is_mask(row), importer, row) for row in table.rows]
        for name in table.unknown_columns:
            report.warn_of(table.path, 1, Message("The column '{name}' is not used.", {"name": name}))
    # Masks are compared with their image, which may stand below them or in a later table.
    for _, importer, row in sorted(rows, key=lambda entry: entry[0]):
        tick()
        report.num_rows += 1
        try:
            importer.plan_row(row)
        except InputError as error:
            report.refuse(importer.table.path, row.line, error)


class _TableImporter:
    def __init__(
        self,
        table: Table,
        plan: Plan,
        report: ImportReport,
        kind: ItemKind | None,
        keeper: VolumeKeeper,
        read_already: Mapping[Path, FileFacts],
        sources: Mapping[Path, VolumeSource],
    ) -> None:
        self.table = table
        self._plan = plan
        self._report = report
        self._kind = kind
        self._roles = known_roles()
        self._keeper = keeper
        self._read_already = read_already
        self._sources = sources
        self._facts: dict[tuple[Path, bool, bool], FileFacts] = {}

    def is_mask(self, row: Row) -> bool:
        role = self._roles.get(_role_name(row["role"]))
        return role is not None and role.kind in MASK_KINDS

    def plan_row(self, row: Row) -> None:
        self._check_cells(row)
        role = self._role(row["role"])
        kind = self._kind or _choice(row["kind"], ItemKind, "item kind")
        split = _choice(row["split"], Split, "split")
        laterality = _laterality(row["laterality"])
        item_id, subject = row["item"], row["subject"]
        draft = self._plan.drafts.get(item_id) or Draft(subject)
        self._check_item(item_id, subject, draft)
        path = self._path(row["path"])
        is_mask = role.kind in MASK_KINDS
        source = self._source(path, role)
        facts = self._read(path, source, is_mask=is_mask, wants_modality=not row["modality"])
        facts = with_classes(facts, row["classes"])
        is_on_volume = any(file.file_kind is FileKind.VOLUME for file in draft.files.values())
        check_file_kind(role, path, facts, is_on_volume=is_on_volume)
        name = path.name
        if is_converted(path, source):
            path, facts = self._keeper.keep(path, source, item_id, role.name, facts)
        if self._is_known(row, draft, role, facts):
            return
        if is_mask:
            _check_mask_size(draft, role, facts, item_id, row["own_grid"])
        self._check_split(row, subject, split)
        if not is_mask:
            self._check_content(row, draft, subject, split, facts)
        volume = facts.volume
        new = NewFile(
            item_id=item_id,
            subject=subject,
            role=role.name,
            file_kind=role.kind,
            path=path,
            sha256=facts.sha256,
            size_bytes=facts.size_bytes,
            modality=row["modality"].upper() or ROLE_MODALITIES.get(role.name) or facts.modality,
            width=None if volume else facts.width,
            height=None if volume else facts.height,
            spacing_mm=_spacing(row["spacing_mm"]),
            perceptual_hash=facts.perceptual_hash,
            grid=volume.grid if volume else None,
            intensity_range=(volume.low, volume.high) if volume else None,
            visit=self._agreed(row, "visit", draft.visit, row["visit"]),
            laterality=self._agreed(row, "laterality", draft.laterality, laterality),
        )
        self._accept(new, draft, kind, split, is_mask)
        if volume is not None:
            self._plan.volumes[(item_id, role.name)] = volume
            self._report.volumes.append(description(item_id, role.name, volume, new.modality))
            if isinstance(source, MergedMasks) and source.apart:
                self._plan.masks_apart.setdefault(item_id, []).append(source)
                self._report.volumes.append(apart_text(item_id, source))
            # Of files that were looked at before the import these were told then.
            if not self._read_already:
                for message in remarks(name, volume):
                    self._warn(row, message)

    def _accept(
        self, new: NewFile, draft: Draft, kind: ItemKind | None, split: Split | None, is_mask: bool
    ) -> None:
        self._plan.drafts[new.item_id] = draft
        self._plan.new_files.append(new)
        draft.files[new.role] = new
        draft.kind = kind or draft.kind
        draft.visit, draft.laterality = new.visit, new.laterality
        draft.is_touched = True
        if split is not None:
            self._plan.groups.give(new.subject, split)
        if not is_mask:
            self._plan.claim_content(new.sha256, new.item_id)
        self._report.num_files += 1

    def _check_cells(self, row: Row) -> None:
        for column in ITEM_COLUMNS:
            if not row[column]:
                raise TableError(
                    "The cell '{column}' is empty.", remedy="Fill it in, or remove the row.", column=column
                )
        if row.num_extra:
            raise TableError(
                "The row has more cells than the header.",
                remedy='Put a value that contains the delimiter into double quotes: "a, b".',
            )

    def _role(self, name: str) -> RoleSpec:
        role = self._roles.get(_role_name(name))
        if role is None:
            near = difflib.get_close_matches(_role_name(name), self._roles, n=1)
            raise UnknownKeyError(
                "There is no role '{role}'.",
                remedy="Did you mean '{near}'? Known roles: {known}." if near else "Known roles: {known}.",
                role=name,
                near=self._roles[near[0]].name if near else "",
                known=", ".join(dict.fromkeys(role.name for role in self._roles.values())),
            )
        return role

    def _check_item(self, item_id: str, subject: str, draft: Draft) -> None:
        if (
            _NOT_IN_FILE_NAMES.search(item_id)
            or _RESERVED_NAMES.fullmatch(item_id)
            or item_id.startswith(".")
            or item_id.endswith(".")
            or len(item_id) > _LONGEST_NAME
        ):
            raise TableError(
                "'{item}' cannot be the name of an item, because results are files of that name.",
                remedy='Use a shorter name, without / \\ : * ? " < > | and without a dot at either end.',
                item=item_id,
            )
        if draft.subject != subject:
            raise TableError(
                "Item '{item}' belongs to subject '{known}', and here to '{subject}'.",
                remedy="Give the items of different subjects different names.",
                item=item_id,
                known=draft.subject,
                subject=subject,
            )
        if item_id not in self._plan.drafts:
            twin = next((known for known in self._plan.drafts if known.lower() == item_id.lower()), None)
            if twin is not None:
                raise TableError(
                    "'{item}' and '{twin}' differ only in case, which many disks do not tell apart.",
                    remedy="Rename one of the items.",
                    item=item_id,
                    twin=twin,
                )

    def _path(self, written: str) -> Path:
        folder = self.table.path.parent
        path = folder / written
        if not path.exists() and "\\" in written:  # a table made on Windows
            path = folder / written.replace("\\", "/")
        return path.resolve()

    def _source(self, path: Path, role: RoleSpec) -> VolumeSource | None:
        if path in self._sources or role.kind is not FileKind.VOLUME:
            return self._sources.get(path)
        return series_at(path)

    def _read(
        self, path: Path, source: VolumeSource | None, *, is_mask: bool, wants_modality: bool
    ) -> FileFacts:
        if path in self._read_already:
            return self._read_already[path]
        key = (path, is_mask, wants_modality)
        if key not in self._facts:
            self._facts[key] = inspect_file(
                path, is_mask=is_mask, wants_modality=wants_modality, source=source
            )
        return self._facts[key]

    def _is_known(self, row: Row, draft: Draft, role: RoleSpec, facts: FileFacts) -> bool:
        known = draft.files.get(role.name)
        if known is None:
            return False
        if known.sha256 == facts.sha256 and known not in self._plan.new_files:
            facts_shown = {"role": role.name, "item": row["item"]}
            message = Message("'{role}' of {item} was imported already.", facts_shown)
            self._report.note(self.table.path, row.line, message)
            return True
        raise TableError(
            "Item '{item}' has a file as '{role}' already: {path}.",
            remedy="Use another item name, or remove the row.",
            item=row["item"],
            role=role.name,
            path=known.path.name,
        )

    def _check_split(self, row: Row, subject: str, split: Split | None) -> None:
        known = self._plan.groups.split(subject)
        if split is not None and known is not None and known is not split:
            raise TableError(
                "Subject '{subject}' is in '{known}', and here in '{split}'.",
                remedy="Put all items of a subject, and of subjects that share an image, into one split.",
                subject=subject,
                known=known.value,
                split=split.value,
            )

    def _check_content(
        self, row: Row, draft: Draft, subject: str, split: Split | None, facts: FileFacts
    ) -> None:
        same = [role for role, file in draft.files.items() if file.sha256 == facts.sha256]
        if same:
            named = {"role": row["role"], "other": same[0], "item": row["item"]}
            self._warn(row, Message("'{role}' and '{other}' of {item} are the same image.", named))
        owner = self._plan.owner_of_content(facts.sha256)
        if owner is None or self._plan.drafts[owner].subject == subject:
            return
        other = self._plan.drafts[owner].subject
        theirs, mine = self._plan.groups.split(other), split or self._plan.groups.split(subject)
        if theirs is not None and mine is not None and theirs is not mine:
            raise TableError(
                "The same image is item '{owner}' of subject '{other}' in '{theirs}': in '{mine}' it "
                "would leak.",
                remedy="Put both subjects into one split.",
                owner=owner,
                other=other,
                theirs=theirs.value,
                mine=mine.value,
            )
        self._warn(
            row,
            Message(
                "The same image is item '{owner}' of subject '{other}': both subjects get one split.",
                {"owner": owner, "other": other},
            ),
        )

    def _agreed(self, row: Row, column: str, known: str | None, value: str | None) -> str | None:
        if known and value and known != value:
            self._warn(
                row,
                Message(
                    "The {column} of {item} is '{known}' in an earlier row; '{value}' is not used.",
                    {"column": column, "item": row["item"], "known": known, "value": value},
                ),
            )
        return known or value or None

    def _warn(self, row: Row, message: Message) -> None:
        self._report.warn_of(self.table.path, row.line, message)


def _check_mask_size(draft: Draft, role: RoleSpec, facts: FileFacts, item_id: str, own_grid: str) -> None:
    image = image_of_mask(draft, role)
    if image is None:
        raise TableError(
            "Item '{item}' has no image for '{role}'.",
            remedy="List the image in the same table, or correct the row of it that was refused.",
            item=item_id,
            role=role.name,
        )
    if facts.volume is not None:
        check_label_grid(image, role.name, facts.volume, own_grid)
        return
    if (image.width, image.height) != (facts.width, facts.height):
        raise GeometryError(
            "'{role}' of {item} is {width} x {height} pixels, but '{image}' is "
            "{image_width} x {image_height}.",
            remedy="Export the mask at the size of the image.",
            role=role.name,
            item=item_id,
            width=facts.width,
            height=facts.height,
            image=image.role,
            image_width=image.width,
            image_height=image.height,
        )


def _choice(value: str, kind: type[Choice], title: str) -> Choice | None:
    if not value:
        return None
    known = [member.value for member in kind]
    if value.lower() not in known:
        near = difflib.get_close_matches(value.lower(), known, n=1)
        raise UnknownKeyError(
            "There is no {title} '{value}'.",
            remedy="Did you mean '{near}'? Choose one of: {known}." if near else "Choose one of: {known}.",
            title=title,
            value=value,
            near=near[0] if near else "",
            known=", ".join(known),
        )
    return kind(value.lower())


def _role_name(written: str) -> str:
    return re.sub(r"[\s\-]+", "_", written.lower())


def _laterality(value: str) -> str | None:
    if not value:
        return None
    if value.lower() not in _LATERALITIES:
        raise UnknownKeyError(
            "There is no laterality '{value}'.", remedy="Choose OD, OS or OU, or leave it empty.", value=value
        )
    return _LATERALITIES[value.lower()]


def _spacing(value: str) -> float | None:
    """Return the distance of neighbouring pixels in mm; None when the cell is empty."""
    if not value:
        return None
    try:
        spacing_mm = float(value)
    except ValueError:
        spacing_mm = math.nan
    if not 0 < spacing_mm < math.inf:
        raise TableError(
            "The spacing '{value}' is no length.",
            remedy="Give the distance of two neighbouring pixels in mm, or leave the cell empty.",
            value=value,
        )
    return spacing_mm
