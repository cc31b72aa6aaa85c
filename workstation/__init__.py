"""The window: a Qt application that annotates, starts runs and shows what they did."""
