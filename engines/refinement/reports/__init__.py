"""What a person reads of a case: its files, tables, pages and pictures."""
