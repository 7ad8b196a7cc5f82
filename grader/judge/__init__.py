"""The judge decides marks. It never runs student code and never imports the worker's modules; it
asks a worker over a socket and compares the replies."""
