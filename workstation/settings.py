"""User settings: a small versioned JSON file; a bad value is dropped with a warning and blocks nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.contract.files import write_json_atomically

APPLICATION = "annotation-training-workstation"
VERSION = 1
MAX_RECENT = 8

_LOG = logging.getLogger(__name__)


class Settings(BaseModel):
    """What a person chose, kept between starts.

    Attributes
    ----------
    language : str
        Locale name, for example ``"zh_CN"``; empty follows the system.
    theme : str
        dark, light, or system: what the desktop has.
    annotator : str
        Name under which annotations are stored.
    recent_projects : list of str
        Folders, newest first.
    window : tuple of int or None
        x, y, width and height in px.
    is_snapping : bool
        Whether clicks are drawn to vessel forks.
    snap_radius_px : float
        From how far, in pixels of the screen.
    shortcut_preset : str
        Named set of keys.
    shortcuts : dict
        Action to list of keys, only what differs from the preset; checked where it is used.
    """

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    version: int = VERSION
    language: str = Field("", pattern=r"^[A-Za-z_]*$", max_length=10)
    theme: str = Field("dark", pattern="^(dark|light|system)$")
    annotator: str = Field("", max_length=80)
    recent_projects: list[str] = Field(default_factory=list)
    window: tuple[int, int, int, int] | None = None
    is_snapping: bool = True
    snap_radius_px: float = Field(14.0, ge=3.0, le=60.0)
    shortcut_preset: str = Field("studio", max_length=40)
    shortcuts: dict[str, Any] = Field(default_factory=dict)

    def remember_project(self, folder: Path) -> None:
        """Put a folder first in the list of recent projects."""
        text = str(folder)
        others = [path for path in self.recent_projects if path != text]
        self.recent_projects = [text, *others][:MAX_RECENT]

    def write(self, path: Path | None = None) -> None:
        """Write atomically; a disk that refuses costs the settings only, and is logged."""
        target = path or settings_path()
        try:
            write_json_atomically(target, self.model_dump(mode="json"))
        except OSError as error:
            _LOG.warning("The settings %s could not be written: %s", target, error)

    @classmethod
    def read(cls, path: Path | None = None) -> Settings:
        """Read, and drop every value that is not good."""
        source = path or settings_path()
        try:
            values = json.loads(source.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            _LOG.warning("The settings %s cannot be read (%s); the defaults are used.", source, error)
            return cls()
        if not isinstance(values, dict):
            _LOG.warning("The settings %s hold no names and values; the defaults are used.", source)
            return cls()
        return cls._of_good(values)

    @classmethod
    def _of_good(cls, values: dict[str, Any]) -> Settings:
        if not isinstance(values.get("version"), int) or values["version"] > VERSION:
            values = {**values, "version": VERSION}
        while True:
            try:
                return cls.model_validate(values)
            except ValidationError as error:
                bad = {str(found["loc"][0]) for found in error.errors()}
                _LOG.warning("Settings dropped because they are not valid: %s", ", ".join(sorted(bad)))
                values = {name: value for name, value in values.items() if name not in bad}


def settings_path() -> Path:
    """Return the file of the settings."""
    return Path(platformdirs.user_config_dir(APPLICATION, appauthor=False)) / "settings.json"


def log_path() -> Path:
    """Return the log file."""
    return Path(platformdirs.user_log_dir(APPLICATION, appauthor=False)) / "workstation.log"


def default_sample_folder() -> Path:
    """Return where the sample project lies when nobody says otherwise."""
    return Path(platformdirs.user_data_dir(APPLICATION, appauthor=False)) / "sample project"
