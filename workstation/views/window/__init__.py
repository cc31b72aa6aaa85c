"""What stands around the screens: top bar, history, palette, shortcuts, help."""
