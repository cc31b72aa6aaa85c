"""Actions: everything a person can do, by key, with shortcut, tooltip and the reason when it is disabled."""
