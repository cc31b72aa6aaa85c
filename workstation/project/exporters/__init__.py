"""Taking data out of a project, in files that need none of this program."""

from __future__ import annotations

from workstation.project.exporters.export import FORMATS, export

__all__ = ["FORMATS", "export"]
