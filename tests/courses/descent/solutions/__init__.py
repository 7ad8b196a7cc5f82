"""The answers of the course on gradient descent."""
