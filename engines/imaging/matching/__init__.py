"""Registration without training: candidates, search, refinement, verification, and how it is scored."""
