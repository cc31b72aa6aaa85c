"""The Train screen, and the dialogs that start runs."""
