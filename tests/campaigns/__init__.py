"""Long campaigns: kills, damaged files. Each has a command, and a short form in the tests."""
