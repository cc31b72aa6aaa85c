"""Typed errors that advise: what happened, where, and how to fix it.

Raise the most specific class with an English template and its parameters::

    raise ImageReadError(
        "{path} is truncated after {read_bytes} bytes.",
        remedy="Copy the file again from its source.",
        path=path, read_bytes=n,
    )

`InputError` and its subclasses are the user's to fix (exit code 2 on the command line); every other
`WorkstationError` is a failed operation (exit code 1).
"""

from __future__ import annotations

from collections.abc import Callable

from engines.contract.messages import Message


class WorkstationError(Exception):
    """Base of every error that is shown to a person.

    Parameters
    ----------
    message : str
        What happened and where, as a template with ``{name}`` fields.
    remedy : str
        What the person can do about it, as a template over the same parameters.
    kept : str
        What was kept or is still safe, as a template over the same parameters.
    **parameters : object
        Values of the template fields.
    """

    def __init__(self, message: str, *, remedy: str = "", kept: str = "", **parameters: object) -> None:
        self.message = Message(message, parameters)
        self.remedy = Message(remedy, parameters)
        self.kept = Message(kept, parameters)
        super().__init__(self.render())

    def render(self, translate: Callable[[str], str] = str) -> str:
        """Return message and remedy as one line of text."""
        parts = (self.message.render(translate), self.remedy.render(translate))
        return " ".join(part for part in parts if part)

    @property
    def advice(self) -> Message:
        """Message and remedy as one message."""
        return Message("{what} {remedy}", {"what": self.message, "remedy": self.remedy})

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process pools; the default reduction loses keyword arguments.
        return (_rebuild, (type(self), self.message, self.remedy, self.kept))


def _rebuild(
    kind: type[WorkstationError], message: Message, remedy: Message, kept: Message
) -> WorkstationError:
    return kind(message.text, remedy=remedy.text, kept=kept.text, **message.parameters)


class InputError(WorkstationError):
    """What the user gave cannot be used; the sentence says what, where and how to fix it."""


class ImageReadError(InputError):
    """A file is not a readable image of a supported format."""


class ImageSizeError(InputError):
    """An image is too small or too large to work with."""


class VolumeReadError(InputError):
    """A file or series is not a readable volume."""


class TableError(InputError):
    """A table cannot be used: a column is missing, or it is not a table."""


class ConfigError(InputError):
    """A setting is unknown, out of bounds or contradicts another one."""


class GeometryError(InputError):
    """Coordinates, sizes or transforms do not fit together."""


class SplitError(InputError):
    """A split leaks: one subject, or one image, on both sides."""


class ProjectError(InputError):
    """A project cannot be opened, created or written."""


class PreconditionError(InputError):
    """Something that an action needs is missing; the sentence says what and how to get it."""


class RunFolderError(InputError):
    """A run folder is missing, incomplete or of another version."""


class CheckpointError(InputError):
    """A checkpoint is missing, damaged or of another model."""


class UnknownKeyError(InputError):
    """A pipeline, phase, preset or role of that name does not exist."""


class NonFiniteError(WorkstationError):
    """A loss, gradient or metric is not a finite number."""
