"""Drawing in label maps."""
