"""What a step of each phase does, what it starts from, and how it is scored."""
