"""Actions of the review queue, and of starting runs that fill it."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import PROJECT_MENU, REVIEW_MENU, RUNS_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

_review = ActionFamily("review", REVIEW_MENU, "volume")

REVIEW_ACTIONS: tuple[ActionSpec, ...] = (
    _review(
        "queue",
        QT_TRANSLATE_NOOP("actions", "Re&view queue"),
        QT_TRANSLATE_NOOP("actions", "Go to the table of results that runs made of the items."),
        "Ctrl+Shift+J",
        short=QT_TRANSLATE_NOOP("actions", "Queue"),
    ),
    _review(
        "open",
        QT_TRANSLATE_NOOP("actions", "&Open the chosen result"),
        QT_TRANSLATE_NOOP("actions", "Show its case, with each step of the result as a proposal."),
        "Ctrl+Alt+J",
        short=QT_TRANSLATE_NOOP("actions", "Open"),
    ),
    _review(
        "next",
        QT_TRANSLATE_NOOP("actions", "Next open result"),
        QT_TRANSLATE_NOOP("actions", "Open the next result of the queue that nobody decided about."),
        "Ctrl+Shift+Right",
        short=QT_TRANSLATE_NOOP("actions", "Result ›"),
    ),
    _review(
        "previous",
        QT_TRANSLATE_NOOP("actions", "Previous open result"),
        QT_TRANSLATE_NOOP("actions", "Open the result before that nobody decided about."),
        "Ctrl+Shift+Left",
        short=QT_TRANSLATE_NOOP("actions", "‹ Result"),
    ),
    _review(
        "accept",
        QT_TRANSLATE_NOOP("actions", "Accept result…"),
        QT_TRANSLATE_NOOP(
            "actions", "Make the accepted label map as this step is; voxels that would go are shown first."
        ),
        "Ctrl+Alt+Y",
        short=QT_TRANSLATE_NOOP("actions", "Accept…"),
    ),
    _review(
        "reject",
        QT_TRANSLATE_NOOP("actions", "Reject result"),
        QT_TRANSLATE_NOOP("actions", "Take its steps away and go on; undo brings them back."),
        "Ctrl+Alt+Backspace",
        short=QT_TRANSLATE_NOOP("actions", "Reject"),
    ),
    _review(
        "later",
        QT_TRANSLATE_NOOP("actions", "Look at the result &later"),
        QT_TRANSLATE_NOOP("actions", "Leave it for later and go on; again takes that back."),
        "Ctrl+Alt+M",
        short=QT_TRANSLATE_NOOP("actions", "Later"),
    ),
    _review(
        "next_step",
        QT_TRANSLATE_NOOP("actions", "Next step of the result"),
        QT_TRANSLATE_NOOP("actions", "Look at the label map of the next step, against the accepted one."),
        ".",
        short=QT_TRANSLATE_NOOP("actions", "Step ›"),
    ),
    _review(
        "previous_step",
        QT_TRANSLATE_NOOP("actions", "Previous step of the result"),
        QT_TRANSLATE_NOOP("actions", "Look at the label map of the step before."),
        ",",
        short=QT_TRANSLATE_NOOP("actions", "‹ Step"),
    ),
    _review(
        "raise_threshold",
        QT_TRANSLATE_NOOP("actions", "Raise the threshold"),
        QT_TRANSLATE_NOOP("actions", "Try out a smaller mask; its volume and pieces are counted at once."),
        "Alt+Up",
        short=QT_TRANSLATE_NOOP("actions", "Threshold +"),
    ),
    _review(
        "lower_threshold",
        QT_TRANSLATE_NOOP("actions", "Lower the threshold"),
        QT_TRANSLATE_NOOP("actions", "Try out a larger mask; its volume and pieces are counted at once."),
        "Alt+Down",
        short=QT_TRANSLATE_NOOP("actions", "Threshold −"),
    ),
    _review(
        "apply_threshold",
        QT_TRANSLATE_NOOP("actions", "Apply the threshold"),
        QT_TRANSLATE_NOOP("actions", "Make this step as the threshold says, as one edit that can be undone."),
        "Ctrl+Alt+K",
        short=QT_TRANSLATE_NOOP("actions", "Apply"),
    ),
    _review(
        "drop_threshold",
        QT_TRANSLATE_NOOP("actions", "Drop the threshold"),
        QT_TRANSLATE_NOOP("actions", "Go back to the threshold that the run chose."),
        "Ctrl+Alt+X",
        short=QT_TRANSLATE_NOOP("actions", "Drop"),
    ),
    _review(
        "report",
        QT_TRANSLATE_NOOP("actions", "Report of the result"),
        QT_TRANSLATE_NOOP("actions", "Open the page that the run wrote about this case."),
        "Ctrl+Alt+W",
        short=QT_TRANSLATE_NOOP("actions", "Report"),
    ),
    _review(
        "stop",
        QT_TRANSLATE_NOOP("actions", "Stop the run of results"),
        QT_TRANSLATE_NOOP("actions", "End it after its item; what it made stays."),
        "Ctrl+Alt+.",
        short=QT_TRANSLATE_NOOP("actions", "Stop"),
    ),
    _review(
        "resume",
        QT_TRANSLATE_NOOP("actions", "Go on with the items that are left"),
        QT_TRANSLATE_NOOP("actions", "Start a run of the items for which the last one made no result."),
        "Ctrl+Alt+U",
        short=QT_TRANSLATE_NOOP("actions", "Go on"),
    ),
)

START_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "run.predict",
        QT_TRANSLATE_NOOP("actions", "&Apply a model…"),
        QT_TRANSLATE_NOOP(
            "actions", "Make results of items with a trained model; they come in as proposals."
        ),
        ("Ctrl+J",),
        RUNS_MENU,
        short=QT_TRANSLATE_NOOP("actions", "Apply a model…"),
    ),
    ActionSpec(
        "run.evaluate",
        QT_TRANSLATE_NOOP("actions", "Evaluate with &settings…"),
        QT_TRANSLATE_NOOP("actions", "Score a model, or the baselines alone, with settings of your own."),
        ("Ctrl+Shift+V",),
        RUNS_MENU,
    ),
    ActionSpec(
        "project.import_weights",
        QT_TRANSLATE_NOOP("actions", "Import &weights…"),
        QT_TRANSLATE_NOOP("actions", "Take over weights of another program, or an old training run."),
        ("Ctrl+Shift+W",),
        PROJECT_MENU,
    ),
)
