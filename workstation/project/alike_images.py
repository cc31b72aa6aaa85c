"""What is said when images of two subjects are one image."""

from __future__ import annotations

from engines.contract.messages import Message
from engines.imaging.perceptual_hash import NUM_BITS

NamedImage = tuple[str, str]
"""File name and subject."""


def alike_key(first_subject: str, second_subject: str) -> str:
    """Return the key of a finding; the same in either order."""
    return f"alike {' '.join(sorted((first_subject, second_subject)))}"


def alike_message(first: NamedImage, second: NamedImage, bits: int | None) -> Message:
    """Say that two files hold one image.

    Parameters
    ----------
    first, second : (str, str)
        File name and subject.
    bits : int, optional
        How many bits of the images' looks differ; None for copies of one file.
    """
    facts: dict[str, object] = {
        "first": first[0],
        "first_subject": first[1],
        "second": second[0],
        "second_subject": second[1],
    }
    if bits is None:
        return Message(
            "{first} of subject {first_subject} and {second} of subject {second_subject} are the same file.",
            facts,
        )
    return Message(
        "{first} of subject {first_subject} and {second} of subject {second_subject} are one image, "
        "encoded twice: {bits} of {total} bits of their look differ.",
        facts | {"bits": bits, "total": NUM_BITS},
    )
