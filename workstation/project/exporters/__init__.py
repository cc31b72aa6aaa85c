"""Taking data out of a project, in files that need none of this program."""

from __future__ import annotations

from workstation.project.exporters.export import FORMATS, export
from workstation.project.exporters.export_format import ExportFormat, ExportOptions, ExportResult

__all__ = ["FORMATS", "ExportFormat", "ExportOptions", "ExportResult", "export"]
