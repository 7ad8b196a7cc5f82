"""The data that judge and worker exchange, and the calls into student code."""
