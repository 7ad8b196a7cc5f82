"""The quiz of lesson 1."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "newcomer",
        "Two keys have the scores 3 and 1. A third key joins, with the score 2. What happens to "
        "the ratio of the first weight to the second?",
        "what the sum in the denominator does to the ratio of two weights",
        (
            Option(
                "It stays at e², about 7.4, as it was before",
                "The ratio of two weights depends on the difference of their scores and on "
                "nothing else. The newcomer takes weight from both in the same proportion.",
            ),
            Option(
                "It stays at 3, as the scores say",
                "Weights are not in proportion to the scores: exp comes between the two, and "
                "turns differences of scores into ratios of weights.",
            ),
            Option(
                "It falls, because the first has more weight to lose",
                "The newcomer enlarges the sum that all weights are divided by. That makes every "
                "weight smaller by one common factor, wherever the new score lies.",
            ),
            Option(
                "It rises, because the winner keeps its weight",
                "The weights must still sum to 1, so the winner gives something up as well, and "
                "in the same proportion as the others.",
            ),
        ),
    ),
    Question(
        "louder",
        "A key has the score -0.5. It is made four times as long; nothing else changes. What "
        "happens to its weight?",
        "the dot product as length times length times cosine, and its sign",
        (
            Option(
                "It falls with the dot product and stays with the cosine",
                "The dot product is multiplied by 4, to -2, and a lower score gives a lower "
                "weight. The cosine divides the length out again.",
            ),
            Option(
                "It rises with the dot product and stays with the cosine",
                "That holds for a key with a positive score. Length multiplies a score, and four "
                "times a negative number is more negative.",
            ),
            Option(
                "It rises with the dot product and with the cosine",
                "The cosine looks at the angle only, and here not even the dot product rises: "
                "length makes a good match better and a bad one worse.",
            ),
            Option(
                "It stays with both, since softmax looks at differences",
                "Softmax does look at differences, and one score has moved while the others "
                "stayed: with the dot product the differences have changed.",
            ),
        ),
    ),
    Question(
        "rows",
        "To be safe from overflow, a softmax subtracts the largest number of the whole matrix "
        "before it takes exp in float64. The rows are [0, 1] and [-2000, -1999]. What comes out?",
        "what exp gives for a number far below zero, and what the row's sum is then",
        (
            Option(
                "Row 0 is right and row 1 is [nan, nan]",
                "The largest number is 1. In row 1 both powers are e^-2001 and e^-2000, which "
                "float64 rounds to 0, and 0/0 is nan. Each row needs a constant of its own.",
            ),
            Option(
                "Both rows are right, whatever the constant",
                "On paper a constant drops out of softmax, and any will do. But float64 rounds "
                "powers below about e^-745 to 0, and here that leaves 0/0.",
            ),
            Option(
                "Row 0 is right and row 1 is [0.5, 0.5]",
                "Both powers of row 1 do become equal, but equal to 0. Two zeros divided by their "
                "sum are not two halves.",
            ),
            Option(
                "Row 0 is nan and row 1 is right",
                "Row 0 holds the largest number itself: its powers are e^-1 and e^0, and nothing "
                "can go wrong there.",
            ),
        ),
    ),
    Question(
        "sides",
        "In somebody's code the matrix of keys is turned on its side: its columns are taken for "
        "the keys. Which example would let a test of the scores catch this?",
        "which square matrices look the same when rows and columns are exchanged",
        (
            Option(
                "query [1, 1], keys [[1, 4], [2, 3]]",
                "The right scores are 5 and 5; with the columns for keys they are 3 and 7. The "
                "matrix is not its own mirror image, and that is what a test needs.",
            ),
            Option(
                "query [1, 3], keys [[2, 7], [7, 4]]",
                "Its numbers look arbitrary, but 7 is on both sides of the diagonal: rows and "
                "columns are the same, and so are the scores.",
            ),
            Option(
                "query [1, 2], keys [[5, 0], [0, 5]]",
                "Row 0 is equal to column 0, and row 1 to column 1. Keys along the axes are good "
                "for explaining and blind as a test.",
            ),
            Option(
                "query [5, 6], keys [[1, 2], [2, 3]]",
                "This is the pattern of the lesson's worked example: symmetric, so that code "
                "that mixes up rows and columns gets every digit right.",
            ),
        ),
    ),
    Question(
        "reach",
        "Three values of one number each: 2, 4 and 9. The keys and the query may be any vectors. "
        "Which output is impossible, on paper?",
        "which weights softmax can give, and which it can only come near to",
        (
            Option(
                "9",
                "All the weight would have to be on one key, and softmax gives every key "
                "something. The output comes as near to 9 as you like and never gets there.",
            ),
            Option(
                "8.9",
                "It takes a sharp query, but not an impossible one: with nearly all of the weight "
                "on the third key the average is 8.9.",
            ),
            Option(
                "4",
                "That the second value is 4 does not mean that only it can give 4. A blend of 2 "
                "and 9 does it as well, with or without the second key.",
            ),
            Option(
                "2.1",
                "Most of the weight on the first key and a little on the others gives 2.1. "
                "Anything strictly between the smallest and the largest value is within reach.",
            ),
        ),
    ),
)
