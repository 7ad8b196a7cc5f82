"""The trusted side of the sandbox: choose a level, start workers, limit and watch them."""
