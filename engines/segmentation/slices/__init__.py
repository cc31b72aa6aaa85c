"""From volumes of a brain to slices that can be trained on."""
