"""What the user has: the database with items, annotations, history, splits and runs. No Qt, no torch."""
