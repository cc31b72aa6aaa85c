"""The formats of label maps, and how each writes one. Libraries are loaded when something is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engines.contract.errors import PreconditionError
from engines.contract.messages import Message
from engines.imaging.volumes.volume import Volume
from workstation.project.exporters.export_format import ExportFormat, ExportOptions, ExportResult
from workstation.project.exporters.label_map_exports import (
    ExportedLabels,
    LabelMapExport,
    Writer,
    WrittenFile,
    export_each,
    unique_file_name,
)
from workstation.project.exporters.near_format_export import KEY as NEAR_FORMAT
from workstation.project.exporters.near_format_export import export_near_format
from workstation.project.exporters.nnunet_export import export_nnunet
from workstation.project.items import Item
from workstation.project.project import Project

_BY_TABLE = Message("Names and colours of classes are in classes.csv and manifest.json beside the files.")
_LARGEST_NUM_FACES = 2_000_000


def label_map_formats() -> list[ExportFormat]:
    """Return the formats in the order in which dialogs list them."""
    return [
        _format(
            "nifti",
            Message("Label maps (NIfTI)"),
            Message("One .nii.gz for each label map, with the affine of its image bit by bit."),
            _BY_TABLE,
            _volume_writer(".nii.gz"),
        ),
        _format(
            "seg_nrrd",
            Message("Label maps (NRRD of 3D Slicer)"),
            Message("One .seg.nrrd for each label map; 3D Slicer shows it with its names and colours."),
            Message("The history of the strokes is not kept."),
            _write_nrrd,
        ),
        _format(
            "mha",
            Message("Label maps (MetaImage)"),
            Message("One .mha for each label map, for ITK and SimpleITK."),
            _BY_TABLE,
            _volume_writer(".mha"),
        ),
        _format(
            "dicom_seg",
            Message("Label maps (DICOM segmentation)"),
            Message("One DICOM object for each label map, with a binary segment for each class."),
            Message(
                "Without the folder of the DICOM images it stands alone: an archive cannot file it with the "
                "scan. Segments are numbered anew; their descriptions hold the values."
            ),
            _write_dicom,
            refers_to_dicom=True,
        ),
        _format(
            "stl",
            Message("Surfaces (STL)"),
            Message(
                "One closed, smoothed surface for each class, in mm (LPS), for 3D printing and planning."
            ),
            Message("A surface is not the voxels: steps are smoothed, and classes that touch share no wall."),
            _write_surfaces,
        ),
        ExportFormat(
            "nnunet",
            Message("Training set of nnU-Net"),
            Message(
                "imagesTr, labelsTr, dataset.json, and the split as splits_final.json; items of the test and "
                "evaluation split go to imagesTs and labelsTs."
            ),
            Message(
                "One label map for each item. Classes are numbered anew without gaps; manifest.json holds "
                "both numbers."
            ),
            "",
            export_nnunet,
            has_label_maps=True,
        ),
        ExportFormat(
            NEAR_FORMAT,
            Message("Cubes for implicit refinement (near_format_data)"),
            Message(
                "info.csv, appearance and shape as NumPy arrays of 256 voxels a side, with crop box and "
                "affine beside them; this program imports it again."
            ),
            Message("One label map for each item, cropped to what is drawn, and resampled."),
            "",
            export_near_format,
            has_label_maps=True,
        ),
        _format(
            "totalsegmentator",
            Message("Masks by class (as TotalSegmentator)"),
            Message("A folder for each item with one binary .nii.gz for each class, named by the class."),
            Message("Colours and values are in classes.csv and manifest.json. Images are not copied."),
            _write_masks,
        ),
    ]


def _format(
    key: str,
    title: Message,
    explanation: Message,
    loss: Message,
    writer: Writer,
    *,
    refers_to_dicom: bool = False,
) -> ExportFormat:
    def write(project: Project, items: Sequence[Item], out: Path, options: ExportOptions) -> ExportResult:
        return export_each(key, writer, project, items, out, options)

    return ExportFormat(
        key,
        title,
        explanation,
        loss,
        "",
        write,
        has_label_maps=True,
        refers_to_dicom=refers_to_dicom,
    )


def _volume_writer(suffix: str) -> Writer:
    def write(one: LabelMapExport, labels: ExportedLabels, folder: Path) -> list[WrittenFile]:
        from engines.imaging.volumes.volume_files import write_volume

        return [WrittenFile(write_volume(_place(one, folder, suffix), labels.volume))]

    return write


def _write_nrrd(one: LabelMapExport, labels: ExportedLabels, folder: Path) -> list[WrittenFile]:
    from engines.imaging.volumes.slicer_segmentation import write_slicer_segmentation

    path = _place(one, folder, ".seg.nrrd")
    return [WrittenFile(write_slicer_segmentation(path, labels.volume, labels.classes))]


def _write_dicom(one: LabelMapExport, labels: ExportedLabels, folder: Path) -> list[WrittenFile]:
    from engines.imaging.volumes.dicom_segmentation import matching_series, write_dicom_segmentation

    if not labels.drawn:
        return []
    source: Sequence[Path] = ()
    dicom_folder = one.options.dicom_folder
    if dicom_folder is not None:
        source = matching_series(dicom_folder, labels.volume.geometry)
        if not source:
            raise PreconditionError(
                "{folder} holds no DICOM series on the grid of '{name}' of {item}.",
                remedy="Give the folder of the series that was imported, or leave it out.",
                folder=dicom_folder,
                name=one.label_map.name,
                item=one.item.id,
            )
    path = write_dicom_segmentation(
        _place(one, folder, ".dcm"),
        labels.volume.voxels,
        labels.volume.geometry,
        labels.classes,
        case=one.item.id,
        name=one.label_map.name,
        creator=one.label_map.annotator,
        is_automatic=one.label_map.source not in ("manual", "import"),
        source=source,
    )
    return [WrittenFile(path, {known.value: number for number, known in enumerate(labels.drawn, start=1)})]


def _write_surfaces(one: LabelMapExport, labels: ExportedLabels, folder: Path) -> list[WrittenFile]:
    from engines.imaging.volumes.surfaces import surface_of, write_stl

    def write(volume: Volume, path: Path) -> None:
        surface = surface_of(volume.voxels, volume.geometry, largest_num_faces=_LARGEST_NUM_FACES)
        write_stl(path, *surface)

    return _by_class(one, labels, folder / one.item.id / one.name, ".stl", write)


def _write_masks(one: LabelMapExport, labels: ExportedLabels, folder: Path) -> list[WrittenFile]:
    from engines.imaging.volumes.volume_files import write_volume

    def write(volume: Volume, path: Path) -> None:
        write_volume(path, volume)

    name = "segmentations" if one.is_only else f"segmentations {one.name}"
    return _by_class(one, labels, folder / one.item.id / name, ".nii.gz", write)


def _by_class(
    one: LabelMapExport,
    labels: ExportedLabels,
    folder: Path,
    suffix: str,
    write: Callable[[Volume, Path], None],
) -> list[WrittenFile]:
    """Write the binary mask of each class that is drawn."""
    volume, taken, files = labels.volume, set[str](), []
    folder.mkdir(parents=True, exist_ok=True)
    for known in labels.drawn:
        if one.options.should_stop():
            break  # the export stops before the next label map
        path = folder / f"{unique_file_name(known.name, taken)}{suffix}"
        write(Volume(volume.voxels == known.value, volume.geometry, volume.header), path)
        files.append(WrittenFile(path, {known.value: 1}))
    return files


def _place(one: LabelMapExport, folder: Path, suffix: str) -> Path:
    path = folder / one.item.id / f"{one.name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
