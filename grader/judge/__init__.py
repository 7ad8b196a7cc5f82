"""The near side of the wall: what decides marks. It never runs student code and never imports
the worker's; it asks over a socket and compares what comes back."""
