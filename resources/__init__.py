"""Files that the program reads: presets, schemas, colours, themes, sample images, licences."""
