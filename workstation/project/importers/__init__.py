"""Bringing files and annotations into a project: everything of a call, or nothing."""

from __future__ import annotations

from workstation.project.importers.report import Finding, ImportReport, Verdict
from workstation.project.importers.table import import_paths

__all__ = ["Finding", "ImportReport", "Verdict", "import_paths"]
