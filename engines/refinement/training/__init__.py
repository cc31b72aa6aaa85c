"""Where a training step looks, what it is told, and what it measures about itself."""
