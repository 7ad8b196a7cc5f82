"""The quiz of lesson 10."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "shifted",
        "The entries of a vector lie near 1. Then 100 is added to each of them. What does RMSNorm "
        "(gain 1) make of the new vector?",
        "the root mean square of (101, 99, 100), and what is left of the differences",
        (
            Option(
                "Entries that are all close to 1",
                "The mean square is close to 100², since nothing is subtracted. Divided by 100, "
                "every entry is close to 1, and the old differences are a hundred times smaller.",
            ),
            Option(
                "What it made of the old vector",
                "Layer norm would: it subtracts the mean, and with it the 100. RMSNorm keeps the "
                "mean.",
            ),
            Option(
                "Entries that are all close to 0",
                "The vector is divided by its own size. Whatever that size, the mean of the "
                "squares is 1 afterwards.",
            ),
            Option(
                "Entries that are all close to 100",
                "The size is measured with the 100 in it: the root mean square is about 100, and "
                "divides it away.",
            ),
        ),
    ),
    Question(
        "shared",
        "A layer has 12 query heads and 4 key-value heads. Which query heads read key-value head "
        "1?",
        "j // (h / h_kv), for j = 0, 1, 2, …",
        (
            Option(
                "3, 4 and 5",
                "Three query heads share one: 0 to 2 read head 0, 3 to 5 read head 1.",
            ),
            Option(
                "1, 5 and 9",
                "That deals the heads out in turn, as Tensor.repeat does. Neighbors share, as with "
                "repeat_interleave.",
            ),
            Option(
                "1, 2 and 3",
                "The groups begin at head 0: the first three are 0, 1 and 2.",
            ),
            Option(
                "4, 5, 6 and 7",
                "Those are groups of four. With 12 query heads and 4 key-value heads a group has "
                "three.",
            ),
        ),
    ),
    Question(
        "halved",
        "A model with 32 query heads and 8 key-value heads is rebuilt with 64 query heads of half "
        "the width, and 8 key-value heads as before. What happens to the cache of a text?",
        "which of the three numbers, heads, key-value heads and width, are in the formula",
        (
            Option(
                "It is half as large",
                "Keys and values are half as wide now, and there are as many as before. The number "
                "of query heads is not in the formula.",
            ),
            Option(
                "It stays as large as before",
                "It would if there were twice as many key-value heads. Their number is unchanged, "
                "and their width is halved.",
            ),
            Option(
                "It is twice as large",
                "Queries are not kept, so twice as many of them take no room in the cache.",
            ),
            Option(
                "It is a quarter as large",
                "Only the width has been halved, once: for keys and for values alike.",
            ),
        ),
    ),
    Question(
        "reach",
        "Twelve layers with a window of 100 are stacked, without sinks. How far back can a token "
        "be and still influence the output at position 5000?",
        "how far one layer carries something, and what the next layer makes of it",
        (
            Option(
                "12 · 99 = 1188 positions",
                "Each layer brings information from at most 99 positions back. The next one passes "
                "on what has arrived there.",
            ),
            Option(
                "99 positions",
                "That is what one layer sees. But what it writes at a position is read by the "
                "next layer, up to 99 positions later.",
            ),
            Option(
                "5000 positions, back to the start",
                "Without a sink nothing connects position 5000 to the start: 12 steps of 99 are "
                "too short.",
            ),
            Option(
                "100 to the power of 12 positions",
                "Each layer adds its own reach; reaches are not multiplied.",
            ),
        ),
    ),
    Question(
        "running",
        "In streaming attention the last block holds by far the largest score. What happens to "
        "what was added up before?",
        "exp(old maximum - new maximum) when the new maximum is much larger",
        (
            Option(
                "It shrinks to nearly nothing, as it should",
                "In the softmax over the whole row those keys have weights near 0, too: they are "
                "measured against the largest score.",
            ),
            Option(
                "It stays as it is, and is too large now",
                "It would if sum and output were not scaled to the new maximum. That is what the "
                "factor is for.",
            ),
            Option(
                "It is lost, and the result is an approximation",
                "The result is exact, up to rounding: what becomes tiny here is tiny in the "
                "softmax as well.",
            ),
            Option(
                "It overflows, since the factor is large",
                "The factor is exp(old - new), at most 1. Its inverse could overflow.",
            ),
        ),
    ),
)
