"""Reading the text of cells: nothing here runs it."""
