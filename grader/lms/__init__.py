"""Marks for a learning management system, and its rosters."""
