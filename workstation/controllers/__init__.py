"""Controllers connect the project and the runs to views through protocols; they hold no widgets."""
