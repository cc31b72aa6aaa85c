"""From a refined mask to a label map that anatomy allows: pieces, classes, checks, gate."""
