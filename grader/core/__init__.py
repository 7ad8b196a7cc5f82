"""Pure data and pure functions: what is asked, what came back, and what follows from it."""
