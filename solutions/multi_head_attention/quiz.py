"""The quiz of lesson 4."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "twice_as_long",
        "A layer of multi-head attention has the width 1024. A text of 512 tokens is replaced by "
        "one of 1024. By what factor does the number of multiply-adds grow?",
        "the two terms 4nd² and 2n²d, one by one",
        (
            Option(
                "2.4",
                "At n = 512 the four linear maps cost four times as much as scores and mixing. "
                "The large part doubles, the small one grows fourfold: (4·2 + 1·4) / 5.",
            ),
            Option(
                "4",
                "Only scores and mixing are quadratic in the length. As long as the text is "
                "shorter than twice the width, the linear maps are the larger part.",
            ),
            Option(
                "2",
                "That is right for the four linear maps, which work on one position at a time. "
                "Scores and mixing work on pairs of positions.",
            ),
            Option(
                "8",
                "That would be so if the whole cost were n² times something that grows with n. "
                "Each of the two terms has one or two factors n, never three.",
            ),
        ),
    ),
    Question(
        "torn",
        "The outputs of the heads have the shape (2, 3, 2): 2 heads, 3 positions, width 2. They "
        "are merged by `reshape(3, 4)` alone. What does row 0 hold?",
        "in which order the twelve numbers lie in memory",
        (
            Option(
                "Head 0 at positions 0 and 1",
                "A reshape keeps the order in memory: first head 0, position after position. The "
                "first four numbers are its positions 0 and 1, laid side by side.",
            ),
            Option(
                "Heads 0 and 1 at position 0",
                "That is what a merge should give, and what the shape suggests. But it takes a "
                "transpose of heads and positions before the reshape.",
            ),
            Option(
                "Head 0 at positions 0, 1 and 2",
                "Head 0 has three positions of width 2, six numbers in all. A row of four does "
                "not hold them: the third position falls into row 1.",
            ),
            Option(
                "Heads 0 and 1 at positions 0 and 1",
                "Two heads at two positions are eight numbers. And head 1 does not begin before "
                "all of head 0 has been read.",
            ),
        ),
    ),
    Question(
        "two_looks",
        "What do two heads of width 32 give a position that one head of width 64, trained as long "
        "and as well, cannot give?",
        "how many averages of the values arrive at one position",
        (
            Option(
                "Two mixtures, each with weights of its own",
                "A head hands each position one weighted average. Two questions with different "
                "answers need two averages: in a single one the answers are mixed and cannot be "
                "told apart.",
            ),
            Option(
                "Twice as many learned numbers",
                "The four matrices have the same size for any number of heads. Heads are a way of "
                "using a matrix, not another matrix.",
            ),
            Option(
                "Scores that tell finer differences",
                "It is the other way round: each head compares with 32 numbers instead of 64, and "
                "its table of scores has the lower rank.",
            ),
            Option(
                "A view of positions that one head cannot see",
                "Every head may look at every position that the mask allows, be it alone or one "
                "of many.",
            ),
        ),
    ),
    Question(
        "switch",
        "In a trained layer the block of `W_output` that belongs to head 2 is set to zero. What "
        "changes?",
        "the merged vector times W_output as a sum over the heads",
        (
            Option(
                "Head 2's share is missing from every output feature",
                "Each head writes into all output features through its block, and what they write "
                "is added up. One term of the sum is gone, the others are as before.",
            ),
            Option(
                "The output features that belong to head 2 become 0",
                "Before `W_output`, each feature belongs to a head. After it, none does: the "
                "matrix has mixed them.",
            ),
            Option(
                "The other heads' weights grow until all sum to 1",
                "A softmax runs over the keys of one head. Heads do not compete with one another, "
                "and `W_output` comes after all of them.",
            ),
            Option(
                "Head 2 gives all keys equal weight from now on",
                "Its weights are made from queries and keys, and these are untouched. It still "
                "looks where it looked; nobody reads its report.",
            ),
        ),
    ),
    Question(
        "narrow",
        "A head has the width 1: each query and each key is a single number. For a sentence of "
        "ten positions, which of these can it *not* do?",
        "the score as a product of two numbers, seen from one query after the other",
        (
            Option(
                "Let every position look mostly at its left neighbor",
                "A positive query prefers the largest key, a negative one the smallest. No key "
                "between the two is ever anybody's favorite.",
            ),
            Option(
                "Let nouns look mostly at one word and verbs at another",
                "It can: nouns get positive queries, verbs negative ones, and the two words the "
                "largest and the smallest key.",
            ),
            Option(
                "Let every position look mostly at the same one word",
                "It can: all queries positive, and that word has the largest key by far. It is "
                "what such heads do best.",
            ),
            Option(
                "Let one position look at all others with equal weight",
                "It can: a query of 0 makes every score 0, and equal scores give equal weights.",
            ),
        ),
    ),
)
