"""Data that crosses the wall between judge and worker, and the calls into student code."""
