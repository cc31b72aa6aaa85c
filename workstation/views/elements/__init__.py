"""What every screen is built of: bars, cards, tables, icons, colours."""
