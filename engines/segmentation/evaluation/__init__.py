"""What masks and grades are worth, in numbers, panels and pictures."""
