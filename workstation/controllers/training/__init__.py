"""Starting runs: phases, settings, what is ready, and what is missing."""
