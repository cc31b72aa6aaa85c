"""Text for people, written in code that may not import Qt.

A message is an English template and its parameters. The template is the translation id: the window
looks it up in the catalogue and fills in the parameters afterwards, so every language sees the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """An English sentence template with named parameters.

    Parameters
    ----------
    text : str
        Template with ``{name}`` fields, for example ``"{path} is truncated."``. It is the translation id.
    parameters : mapping of str to object
        Values of the fields.
    """

    text: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def render(self, translate: Callable[[str], str] = _same) -> str:
        """Return the sentence, translated and with its parameters filled in."""
        template = translate(self.text)
        return template.format(**self.parameters) if self.parameters else template

    def __str__(self) -> str:
        return self.render()
