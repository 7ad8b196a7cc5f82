"""The quiz of lesson 2."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "divisor",
        "The entries of queries and keys are independent, with mean 0 and variance 1, and d_k = "
        "64. By mistake the dot products are divided by d_k instead of √d_k. How large is a "
        "typical score?",
        "how large a sum of 64 independent products typically is",
        (
            Option(
                "About 1/8, and all the weights are nearly even",
                "The typical size of a sum of 64 such products is √64 = 8. Divided by 64 that is "
                "1/8, and softmax hardly tells the keys apart.",
            ),
            Option(
                "About 1, and the weights are as they should be",
                "That would be so if the products added up to 64. But they have either sign and "
                "partly cancel: the typical size of a sum of 64 of them is only √64.",
            ),
            Option(
                "About 1/64, and all the weights are nearly even",
                "That would be so if the dot product were about 1 before the division, at any "
                "width. But it is a sum, and sums of more terms are larger.",
            ),
            Option(
                "About 8, and one key takes nearly everything",
                "8 is the size of the dot product before any division. It is what softmax would "
                "see if the scale were left out.",
            ),
        ),
    ),
    Question(
        "twins",
        "A sentence has the same word at positions 2 and 7, as the same vector both times. The "
        "sentence goes through self-attention as in this lesson, with no positions added. How do "
        "rows 2 and 7 of the output compare?",
        "what the query, the scores and the values of each of the two rows are made from",
        (
            Option(
                "They are equal, whatever the matrices hold",
                "Equal vectors make equal queries, which meet the same keys and the same values. "
                "The position of a row appears nowhere in the formula.",
            ),
            Option(
                "They differ, because their neighbors differ",
                "There are no neighbors in the formula. Every query meets all keys, and the key "
                "of the next word counts no more than one far away.",
            ),
            Option(
                "They are equal only if W_query equals W_key",
                "It does not matter. Both rows go through the same W_query, and equal inputs "
                "come out equal, whatever the keys are made with.",
            ),
            Option(
                "They differ, since each looks at itself most",
                "Looking at itself is looking at its twin as well: the two keys are equal, and so "
                "each of the two words gives both the same weight.",
            ),
        ),
    ),
    Question(
        "sums",
        "Weights of shape (3, 5), for 3 queries and 5 keys, are printed. Every column sums to 1, "
        "and the rows sum to about 1.7. What has happened?",
        "along which axis the numbers were made to sum to 1",
        (
            Option(
                "Softmax ran along the queries' axis",
                "It normalized along the wrong axis: the queries compete for each key. Five "
                "columns of sum 1, shared by three rows, make 5/3 for a row on average.",
            ),
            Option(
                "Softmax ran twice over the keys",
                "Then the rows would sum to 1, as they should. The second softmax sees only "
                "numbers between 0 and 1, and the weights become far too even.",
            ),
            Option(
                "The division by √d_k is missing",
                "The scale changes how sharp the weights are. It cannot change what they sum "
                "to: softmax comes after it.",
            ),
            Option(
                "Queries and keys changed places",
                "Then the table would be transposed, with the shape (5, 3), and a softmax over "
                "its last axis would still give rows that sum to 1.",
            ),
        ),
    ),
    Question(
        "one_map",
        "In a layer of self-attention W_query and W_key hold the same numbers. What is then true "
        "for every input?",
        "the dot product of two projected words, in both orders",
        (
            Option(
                "The scores are symmetric: S_ij = S_ji",
                "Both are the dot product of the same two projected vectors. The word “it” is "
                "then as interesting to “turtle” as “turtle” is to “it”.",
            ),
            Option(
                "The weights are symmetric: A_ij = A_ji",
                "Softmax divides each row by a sum of its own. Two equal scores in different rows "
                "become different weights.",
            ),
            Option(
                "The scores are positive: S_ij > 0",
                "Only the score of a word with itself is never negative, being a sum of squares. "
                "Two different words may point in opposite directions.",
            ),
            Option(
                "The diagonal wins: A_ii is largest in its row",
                "Often it does, but not always: a key that points the same way and is longer "
                "scores higher than the word's own.",
            ),
        ),
    ),
    Question(
        "slope",
        "There are two keys. A small change in the first score moves the first weight. How far "
        "does the weight move when the weights are 0.99 and 0.01, compared with 0.5 and 0.5?",
        "the diagonal of the Jacobian, p - p²",
        (
            Option(
                "about 25 times less",
                "The slope is p(1 - p): 0.25 for an even split and 0.0099 at 0.99. That is how a "
                "sharp softmax stops learning.",
            ),
            Option(
                "about 50 times less",
                "That compares 0.5 with 0.01, one weight with another. The slope is the product "
                "of the two weights, p(1 - p).",
            ),
            Option(
                "about 2 times more",
                "That would be so if the slope grew with the weight, as that of exp does. But a "
                "weight near 1 has nowhere left to go.",
            ),
            Option(
                "just as much",
                "Equal steps in a score multiply the ratio of two weights by equal factors; they "
                "are not equal steps in a weight. Near 1 such a factor moves it hardly at all.",
            ),
        ),
    ),
)
