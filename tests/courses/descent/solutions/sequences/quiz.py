"""The quiz of lesson 1."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "cost",
        "How many items does `items[::-1]` copy from a list of n?",
        "what a slice is",
        (
            Option("all n", "A slice of a list is a new list, so each item is copied once."),
            Option("none: it is a view", "NumPy's slices are views; those of lists are copies."),
            Option("one at a time, when it is used", "That is `reversed(items)`, an iterator."),
        ),
    ),
)
