"""From a volume to masks, maps of doubt and a grade."""
