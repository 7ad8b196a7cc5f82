"""What the people who make the course run: tidy, freeze, solve, release, prove."""
