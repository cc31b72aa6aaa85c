"""The project as a whole: opening it, what it lists, its history, its first steps."""
