"""The data browser, and the dialogs for what comes in and goes out."""
