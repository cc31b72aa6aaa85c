"""Whose work this program stands on: licences and citations, read where they are kept. No Qt."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

import engines
from engines.contract.registry import all_specs
from engines.contract.resources import resource_path
from workstation.settings import APPLICATION

OWN_LICENCE = "workstation_BSD-3-Clause.txt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CLASSIFIER = "License :: "
_LONGEST_LICENCE = 60


@dataclass(frozen=True, slots=True)
class Library:
    """A library that is installed because this program needs it."""

    name: str
    version: str
    licence: str
    address: str


@dataclass(frozen=True, slots=True)
class Method:
    """Where the method of a pipeline comes from, as Markdown."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Credits:
    """Everything the page of licences says.

    Parameters
    ----------
    licences : dict of str to str
        Texts by the name of their file: that of the program, then those of the sample images.
    sources : tuple of dict
        Rows of the sample's table of sources.
    methods : tuple of Method
    libraries : tuple of Library
    """

    licences: dict[str, str]
    sources: tuple[dict[str, str], ...]
    methods: tuple[Method, ...]
    libraries: tuple[Library, ...]


def read_credits() -> Credits:
    """Read all of it; a hundred packages are asked for their licence, so it is called on a thread."""
    # The sample brings the libraries of images with it, which a window that starts does not wait for.
    from workstation.project.sample import read_sources

    sources = tuple(read_sources())
    names = dict.fromkeys((OWN_LICENCE, *(row["licence_file"] for row in sources)))
    licences = {name: licence_text(name) for name in names}
    return Credits(licences, sources, tuple(_methods()), tuple(libraries()))


def licence_text(name: str) -> str:
    """Return the text of a licence in ``resources/licences``."""
    return resource_path("licences", name).read_text(encoding="utf-8")


def libraries(distribution: str = APPLICATION) -> list[Library]:
    """Return what a distribution needs, directly or not, as installed here, by name."""
    found: dict[str, Library] = {}
    waiting = [distribution]
    while waiting:
        name = waiting.pop()
        if _normal(name) in found:
            continue
        try:
            installed = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            # For another system, or another version of Python.
            continue
        found[_normal(name)] = _library(installed)
        for requirement in installed.requires or ():
            named = _NAME.match(requirement)
            if named is not None and "extra ==" not in requirement:
                waiting.append(named[0])
    found.pop(_normal(distribution), None)
    return sorted(found.values(), key=lambda library: library.name.casefold())


def _library(installed: importlib.metadata.Distribution) -> Library:
    about = installed.metadata
    classifiers = [line for line in about.get_all("Classifier") or () if line.startswith(_CLASSIFIER)]
    short = str(about["License"] or "").strip().partition("\n")[0] if "License" in about else ""
    named = str(about["License-Expression"]) if "License-Expression" in about else ""
    told = ", ".join(line.rpartition(" :: ")[2] for line in classifiers)
    licence = named or (short if 0 < len(short) <= _LONGEST_LICENCE else "") or told
    return Library(str(about["Name"]), installed.version, licence, _address(about))


def _address(about: importlib.metadata.PackageMetadata) -> str:
    if "Home-page" in about:
        return str(about["Home-page"])
    addresses = [str(line).partition(",")[2].strip() for line in about.get_all("Project-URL") or ()]
    return next((address for address in addresses if address.startswith("https://")), "")


def _methods() -> list[Method]:
    folder = Path(str(engines.__file__)).parent
    found = []
    for spec in all_specs():
        path = folder / spec.key / "SOURCE.md"
        text = path.read_text(encoding="utf-8") if path.is_file() else spec.source
        found.append(Method(spec.title, text))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
