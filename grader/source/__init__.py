"""Read the text of cells without running it."""
