"""What a run is given: its items, frozen, with the splits checked and the annotations copied.

A run never reads the project: everything it needs of it goes through here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.contract.errors import InputError, PreconditionError, UnknownKeyError
from engines.contract.files import relative_or_absolute
from engines.contract.grade_file import GradeFile
from engines.contract.kinds import Action, AnnotationKind, Split
from engines.contract.manifest import AnnotationRecord, FileRecord, ItemRecord, Manifest, hash_of_split
from engines.contract.run_folder import RunFolder
from engines.contract.spec import Needs, PipelineSpec
from workstation.project.annotations import KeypointStore, write_pairs
from workstation.project.grades import Grade
from workstation.project.items import Item, ItemStore
from workstation.project.label_maps import LabelMap, LabelMapStore
from workstation.project.splits import SplitStore, check_no_leak

LEARNING_SPLITS = (Split.TRAIN, Split.VAL)
ALL_SPLITS = "all"


@dataclass(frozen=True)
class _Annotations:
    """What has been annotated.

    Parameters
    ----------
    num_pairs : mapping of item id to number of keypoint pairs
    label_maps : mapping of item id to LabelMap
        The accepted one that was changed last.
    grades : mapping of item id to Grade
    """

    num_pairs: Mapping[str, int]
    label_maps: Mapping[str, LabelMap]
    grades: Mapping[str, Grade]

    def has(self, kind: AnnotationKind | None, item_id: str) -> bool:
        """Tell whether an item has an annotation of a kind; of none, every item has."""
        if kind is AnnotationKind.KEYPOINT_PAIRS:
            return item_id in self.num_pairs
        if kind is AnnotationKind.GRADE:
            return item_id in self.grades
        return kind is not AnnotationKind.LABEL_MAP or item_id in self.label_maps


def build_manifest(
    items: ItemStore,
    keypoints: KeypointStore,
    splits: SplitStore,
    label_maps: LabelMapStore,
    known_grades: Mapping[str, Grade],
    spec: PipelineSpec,
    *,
    action: Action,
    phase: str,
    run_folder: RunFolder,
    chosen: Sequence[str] | None,
    split: Split | str | None,
    seed: int,
    settings: Mapping[str, Any] | None = None,
) -> Manifest:
    """Choose the items of a run and freeze them; see `Project.manifest_for`."""
    everything = items.all()
    check_no_leak(everything)
    has_label_maps = AnnotationKind.LABEL_MAP in spec.annotation_kinds
    annotations = _Annotations(
        keypoints.counts(),
        label_maps.accepted() if has_label_maps else {},
        known_grades if AnnotationKind.GRADE in spec.annotation_kinds else {},
    )
    needs = spec.phase(phase).needs_with(settings) if action is Action.TRAIN else _needs_of(spec)
    if chosen is None:
        selected = [item for item in everything if _is_usable(item, spec, needs, annotations)]
    else:
        selected = [_named(everything, item_id) for item_id in dict.fromkeys(chosen)]
        _require_usable(selected, spec, needs, annotations)
    if action is Action.TRAIN:
        grades = annotations.grades
        strata = {item.subject: grades[item.id].stratum for item in selected if item.id in grades}
        selected = _for_training(selected, chosen, items, splits, seed, strata)
    selected = _of_split(selected, split)
    if len(selected) < max(1, needs.min_items):
        raise _too_few(spec, needs, action, split, len(selected))
    records = tuple(_freeze(item, spec, keypoints, label_maps, annotations, run_folder) for item in selected)
    rows = ((item.subject, item.split.value) for item in selected if item.split is not None)
    return Manifest(items=records, split_hash=hash_of_split(rows))


def _needs_of(spec: PipelineSpec) -> Needs:
    return Needs(roles=tuple(role.name for role in spec.roles if role.required))


def _is_usable(item: Item, spec: PipelineSpec, needs: Needs, annotations: _Annotations) -> bool:
    if item.kind not in spec.item_kinds or not item.has(*needs.roles):
        return False
    return annotations.has(needs.annotation, item.id)


def _named(everything: Sequence[Item], item_id: str) -> Item:
    for item in everything:
        if item.id == item_id:
            return item
    raise UnknownKeyError(
        "The project has no item '{item}'.",
        remedy="List the items with: workstation items PROJECT.",
        item=item_id,
    )


def _require_usable(
    selected: Sequence[Item], spec: PipelineSpec, needs: Needs, annotations: _Annotations
) -> None:
    for item in selected:
        if not _is_usable(item, spec, needs, annotations):
            raise PreconditionError(
                "Item '{item}' ({kind}: {roles}) cannot be used here: {pipeline} needs {needed}.",
                remedy="Choose other items, or import what is missing.",
                item=item.id,
                kind=item.kind.value,
                roles=", ".join(item.files),
                pipeline=spec.title,
                needed=", ".join((*needs.roles, *([needs.annotation.value] if needs.annotation else []))),
            )


def _for_training(
    selected: list[Item],
    chosen: Sequence[str] | None,
    items: ItemStore,
    splits: SplitStore,
    seed: int,
    strata: Mapping[str, str],
) -> list[Item]:
    sealed = [item for item in selected if item.split in (Split.TEST, Split.EVALUATION)]
    if chosen is not None and sealed:
        raise PreconditionError(
            "Item '{item}' is for {split}: it is never trained on.",
            remedy="Choose items of the splits train and val.",
            item=sealed[0].id,
            split=sealed[0].split,
        )
    learning = [item for item in selected if item.split not in (Split.TEST, Split.EVALUATION)]
    if sealed and not learning:
        raise PreconditionError(
            "Every item that could be used is for test or evaluation ({count} in all), and these are never "
            "trained on.",
            remedy="Import other subjects for training.",
            count=len(sealed),
        )
    if not learning:
        return []
    splits.assign(learning, seed=seed, strata=strata)
    current = {item.id: item for item in items.all()}
    return [item for old in learning if (item := current[old.id]).split in LEARNING_SPLITS]


def _of_split(selected: list[Item], split: Split | str | None) -> list[Item]:
    if split is None or split == ALL_SPLITS:
        return selected
    known = [member.value for member in Split]
    if split not in known:
        raise InputError(
            "There is no split '{split}'.",
            remedy="Choose one of: {known}.",
            split=split,
            known=", ".join([*known, ALL_SPLITS]),
        )
    return [item for item in selected if item.split == split]


def _too_few(
    spec: PipelineSpec, needs: Needs, action: Action, split: Split | str | None, count: int
) -> PreconditionError:
    kinds = ", ".join(kind.value for kind in spec.item_kinds)
    needed = ", ".join((*needs.roles, *([needs.annotation.value] if needs.annotation else [])))
    return PreconditionError(
        "{pipeline} cannot {action}: it needs {min_items} items with {needed}, and {count} can be used "
        "(split: {split}).",
        remedy="Import items ({kinds}) with these files, or choose another split.",
        pipeline=spec.title,
        action=action.value,
        min_items=max(1, needs.min_items),
        needed=needed or "a file",
        count=count,
        split=str(split or ALL_SPLITS),
        kinds=kinds,
    )


def _freeze(
    item: Item,
    spec: PipelineSpec,
    keypoints: KeypointStore,
    label_maps: LabelMapStore,
    annotations: _Annotations,
    run_folder: RunFolder,
) -> ItemRecord:
    frozen = {}
    kind = AnnotationKind.KEYPOINT_PAIRS
    if kind in spec.annotation_kinds and annotations.has(kind, item.id):
        revision = keypoints.revision(item.id)
        pairs = [pair for pair in keypoints.pairs(item.id) if pair.is_used]
        path = run_folder.annotations_dir / f"{item.id}.{kind.value}.csv"
        write_pairs(path, item.id, pairs)
        frozen[kind] = AnnotationRecord(
            path=path.relative_to(run_folder.path).as_posix(),
            revision=revision,
            annotator=", ".join(sorted({pair.annotator for pair in pairs})),
        )
    kind = AnnotationKind.LABEL_MAP
    if kind in spec.annotation_kinds and annotations.has(kind, item.id):
        frozen[kind] = _frozen_label_map(annotations.label_maps[item.id], label_maps, run_folder)
    kind = AnnotationKind.GRADE
    if kind in spec.annotation_kinds and annotations.has(kind, item.id):
        frozen[kind] = _frozen_grade(item, annotations.grades[item.id], run_folder)
    return ItemRecord(
        id=item.id,
        subject=item.subject,
        kind=item.kind,
        split=item.split,
        files={
            role: FileRecord(
                path=relative_to_run(file.require(), run_folder.path),
                sha256=file.sha256,
                modality=file.modality,
            )
            for role, file in item.files.items()
        },
        annotations=frozen,
        laterality=item.laterality,
        visit=item.visit,
    )


def _frozen_label_map(found: LabelMap, label_maps: LabelMapStore, run_folder: RunFolder) -> AnnotationRecord:
    # Reading volumes takes a second to import, and most runs have none.
    from engines.imaging.volumes.volume_files import write_volume

    volume, _ = label_maps.read(found.id)
    path = run_folder.annotations_dir / f"{found.item_id}.{AnnotationKind.LABEL_MAP.value}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, volume)
    return AnnotationRecord(
        path=path.relative_to(run_folder.path).as_posix(),
        revision=f"{found.id} {found.revision}",
        annotator=found.annotator,
    )


def _frozen_grade(item: Item, found: Grade, run_folder: RunFolder) -> AnnotationRecord:
    path = run_folder.annotations_dir / f"{item.id}.{AnnotationKind.GRADE.value}.json"
    GradeFile(grade=found.value, source=found.source, annotator=found.annotator).write(path)
    return AnnotationRecord(
        path=path.relative_to(run_folder.path).as_posix(), revision=found.revision, annotator=found.annotator
    )


def relative_to_run(path: Path, run_folder: Path) -> str:
    """Return how a manifest names a file."""
    return relative_or_absolute(path, run_folder.resolve())
