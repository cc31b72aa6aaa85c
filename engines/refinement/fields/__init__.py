"""Fields that were trained or imported, and how they are asked."""
