"""What can be compared of a case: its images, its label maps, and the label maps that runs made of it.

Reads run folders, so it is called on a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.kinds import FileKind, OutputKind
from engines.contract.messages import Message
from engines.contract.registry import all_specs
from engines.contract.roles import VOLUME_ROLES
from engines.contract.run_folder import RunFolder
from engines.contract.spec import OutputSpec
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume
from workstation.controllers.runs.run_headers import read_header
from workstation.controllers.volume.volume_images import image_files, title_of
from workstation.project.items import Item, ItemFile
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.project.project import Project
from workstation.views.protocols.compare import SourceRow

MAX_PRESET = 4
IMPORTED = "import"
MANUAL = "manual"
_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
_REFERENCE_WORDS = ("ground", "truth", "reference", "gt")


@dataclass(frozen=True, eq=False)
class VolumeSource:
    """Something that a pane can show: an image, with or without a label map over it.

    Parameters
    ----------
    row : SourceRow
    name : str
        The same in every item that has it; empty for a bare image.
    image : str
        Role of the image below.
    label_map_id : str
        Of the project; empty for a file.
    path : Path or None
        A label map that is a file.
    stamp : object
        Equal stamps mean equal voxels.
    classes : tuple of LabelClass
    """

    row: SourceRow
    name: str
    image: str
    label_map_id: str = ""
    path: Path | None = None
    stamp: object = None
    classes: tuple[LabelClass, ...] = ()

    @property
    def key(self) -> str:
        """Key of the row."""
        return self.row.key

    @property
    def is_mask(self) -> bool:
        """Whether a label map lies over the image."""
        return bool(self.name)


@dataclass(frozen=True, eq=False)
class VolumeSources:
    """Everything that can be compared of one case.

    Parameters
    ----------
    images : tuple of (role, ItemFile)
    sources : tuple of VolumeSource
        Label maps first, then bare images.
    reference : str
        Key of what the others are compared with when nothing else was chosen.
    made : tuple of (role, ItemFile)
        Images that runs made of the case, the newest run first.
    """

    item: Item
    images: tuple[tuple[str, ItemFile], ...]
    sources: tuple[VolumeSource, ...]
    reference: str
    made: tuple[tuple[str, ItemFile], ...] = ()

    def get(self, key: str) -> VolumeSource | None:
        """Return a source."""
        return next((source for source in self.sources if source.key == key), None)

    def file(self, role: str) -> ItemFile:
        """Return the file of an image."""
        return dict((*self.images, *self.made))[role]

    @property
    def masks(self) -> tuple[VolumeSource, ...]:
        """Sources with a label map."""
        return tuple(source for source in self.sources if source.is_mask)

    def preset(self) -> tuple[str, ...]:
        """Return what the panes show at first: the label maps, the reference last; or what else there is."""
        if self.made and not self.masks:
            # What went in, what came out of the newest run, and what should have come out.
            newest = self.made[0][0].split(":")[1]
            own = [f"image:{role}" for role, _ in self.made if role.split(":")[1] == newest]
            first = [f"image:{role}" for role, _ in self.images if f"image:{role}" != self.reference][:1]
            shown = own[: MAX_PRESET - len(first) - 1]
            return (*first, *shown, self.reference) if first else (self.reference, *shown)
        masks = [source.key for source in self.masks if source.key != self.reference]
        keys = [source.key for source in self.sources if source.key not in (*masks, self.reference)]
        chosen = [*masks[: MAX_PRESET - 1], self.reference] if self.reference else []
        if len(chosen) < 2:
            chosen = [*keys[:1], *chosen] if self.masks else [*chosen, *keys][:MAX_PRESET]
        return tuple(chosen)


def volume_sources(project: Project, item: Item) -> VolumeSources:
    """List what can be compared of a case. Slow."""
    images = tuple(image_files(item))
    base = images[0][0] if images else ""
    masks = [_of_label_map(label_map, base) for label_map in project.label_maps.of_item(item.id)]
    # A label file is usually a label map of the project, too; before that was so it counts by itself.
    if not any(source.row.detail == IMPORTED for source in masks):
        masks += [
            _of_file(role, file, base) for role, file in item.files.items() if file.kind is FileKind.LABEL_MAP
        ]
    masks += _outputs(project, item, base)
    bare = [
        VolumeSource(
            SourceRow(f"image:{role}", Message("Image {name}", {"name": title_of(role, file.modality)})),
            "",
            role,
            stamp=("image", file.path),
        )
        for role, file in images
    ]
    made = image_outputs(project, item)
    results = [source for source, _ in made]
    files = tuple((source.image, file) for source, file in made)
    reference = _reference(masks) or _aim(images, files) or (bare[0].key if bare else "")
    return VolumeSources(item, images, (*masks, *bare, *results), reference, files)


def mask_names(project: Project, items: Iterable[Item]) -> dict[str, dict[str, VolumeSource]]:
    """Return the label maps of items by name, then by item id. Slow."""
    found: dict[str, dict[str, VolumeSource]] = {}
    for item in items:
        for source in volume_sources(project, item).masks:
            found.setdefault(source.name, {})[item.id] = source
    return found


def read_mask(project: Project, source: VolumeSource) -> Volume:
    """Read the label map of a source. Slow.

    Raises
    ------
    WorkstationError
        If it is gone or cannot be read.
    """
    from engines.imaging.volumes.volume_files import read_label_map

    if source.label_map_id:
        return project.label_maps.read(source.label_map_id)[0]
    assert source.path is not None
    if not source.path.is_file():
        raise InputError(
            "{path} is no longer there.", remedy="Put the file back, then look again.", path=source.path
        )
    return read_label_map(source.path)


def _of_label_map(label_map: LabelMap, base: str) -> VolumeSource:
    name = Message(label_map.name)
    if label_map.state is LabelMapState.PROPOSAL:
        title = Message("{name} (proposal)", {"name": name})
    elif label_map.source == IMPORTED:
        title = Message("{name} (imported)", {"name": name})
    else:
        title = name
    return VolumeSource(
        SourceRow(f"map:{label_map.id}", title, label_map.source, is_result=label_map.source != IMPORTED),
        label_map.name,
        base,
        label_map_id=label_map.id,
        stamp=("map", label_map.id, label_map.revision),
        classes=label_map.classes,
    )


def _of_file(role: str, file: ItemFile, base: str) -> VolumeSource:
    title = Message("{name} (imported)", {"name": Message(role.replace("_", " "))})
    return VolumeSource(
        SourceRow(f"file:{role}", title, IMPORTED), role, base, path=file.path, stamp=("file", file.path)
    )


def _outputs(project: Project, item: Item, base: str) -> list[VolumeSource]:
    """Return the label maps that runs wrote for an item, the newest first."""
    found = []
    for one in _written(project, item, OutputKind.LABEL_MAP):
        name, stamp = f"{one.run} {one.output.role}", ("run", one.path, one.time)
        found.append(VolumeSource(one.row, name, base, path=one.path, stamp=stamp))
    return found


def image_outputs(project: Project, item: Item) -> list[tuple[VolumeSource, ItemFile]]:
    """Return the images that runs made of an item, the newest run first, each run's in its own order."""
    found = []
    for one in _written(project, item, OutputKind.IMAGE):
        role = f"{one.run}:{one.output.role}"
        aim = _aimed_role(one.output.role)
        file = ItemFile(one.path, FileKind.VOLUME, "", one.size_bytes, aim.upper() or None, None, None)
        row = SourceRow(f"image:run:{role}", one.row.title, one.run, is_result=True)
        found.append((VolumeSource(row, "", f"run:{role}", stamp=("run", one.path, one.time)), file))
    return found


@dataclass(frozen=True)
class _Written:
    """A file that a run wrote for an item."""

    run: str
    output: OutputSpec
    path: Path
    time: float
    size_bytes: int

    @property
    def row(self) -> SourceRow:
        """As a source in lists."""
        title = Message("{title}, {run}", {"title": Message(self.output.title), "run": self.run})
        return SourceRow(f"run:{self.run}:{self.output.role}", title, self.run, is_result=True)


def _written(project: Project, item: Item, kind: OutputKind) -> list[_Written]:
    """Return what runs wrote of a kind for an item, the newest first."""
    outputs = {
        spec.key: [output for output in spec.outputs if output.kind is kind]
        for spec in all_specs()
        if item.kind in spec.item_kinds
    }
    runs: list[list[_Written]] = []
    if not any(outputs.values()):
        return []
    for folder in project.runs.folders():
        run = RunFolder(folder)
        if not run.outputs_dir.is_dir():
            continue
        own = []
        for output in outputs.get(read_header(run).pipeline, []):
            path = _output_file(run.outputs_dir / output.role, item.id)
            if path is None:
                continue
            try:
                facts = path.stat()
            except OSError:
                # Another process removed it meanwhile.
                continue
            own.append(_Written(run.id, output, path, facts.st_mtime, facts.st_size))
        if own:
            runs.append(own)
    runs.sort(key=lambda own: -max(one.time for one in own))
    return [one for own in runs for one in own]


def _aimed_role(output_role: str) -> str:
    """Return the role of an item that an output stands for, told by its name, or an empty text."""
    known = {role.name for role in VOLUME_ROLES}
    return next((word for word in reversed(output_role.split("_")) if word in known), "")


def _aim(images: Sequence[tuple[str, ItemFile]], made: Sequence[tuple[str, ItemFile]]) -> str:
    """Return the image of the case that the newest run tried to make, or an empty text."""
    roles = {role for role, _ in images}
    aims = (_aimed_role(role) for role, _ in made)
    return next((f"image:{aim}" for aim in aims if aim in roles), "")


def _output_file(folder: Path, item_id: str) -> Path | None:
    paths = (folder / f"{item_id}{suffix}" for suffix in _SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _reference(masks: Iterable[VolumeSource]) -> str:
    """Return the label map that others are judged by: one named so, an imported one, the first by hand."""

    def order(source: VolumeSource) -> int:
        words = source.name.lower().replace("_", " ").split()
        if any(word in words for word in _REFERENCE_WORDS):
            return 0
        return {IMPORTED: 1, MANUAL: 2}.get(source.row.detail, 3)

    ordered = sorted(masks, key=order)
    return ordered[0].key if ordered else ""
