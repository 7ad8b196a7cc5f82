"""The quiz of lesson 8."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "starts",
        "A text has 10 tokens, and block_size is 4. At how many places can a training example (x "
        "and y, each of 4 tokens) start?",
        "the last token that y needs, for an example at the last place",
        (
            Option(
                "6",
                "x starts at s and y ends at s + 4, which may be at most 9: s is one of 0 … 5.",
            ),
            Option(
                "7",
                "x alone has 7 places. The last token of y comes one place after x, and at s = 6 "
                "there is none.",
            ),
            Option(
                "5",
                "Python leaves out the upper end of a range, and it is easy to leave it out once "
                "too often. At s = 5 the last token of y is token 9, which exists.",
            ),
            Option(
                "2",
                "Examples may overlap. Cutting the text into separate blocks would waste most of "
                "what it can teach.",
            ),
        ),
    ),
    Question(
        "nucleus",
        "The next token has the probabilities 0.5, 0.3, 0.15 and 0.05. With top_p = 0.6, how "
        "likely is the first token to be drawn?",
        "which tokens are kept, and what their probabilities must sum to",
        (
            Option(
                "0.625",
                "0.5 has not reached 0.6, so the second token is kept as well: it crosses the "
                "line. Renormalized, the two have 0.5/0.8 and 0.3/0.8.",
            ),
            Option(
                "1",
                "That keeps only what fits within 0.6. The nucleus is the smallest set with a "
                "mass of at least 0.6.",
            ),
            Option(
                "0.5",
                "The dropped tokens had a probability of 0.2 in all. It is divided among the "
                "tokens that are kept.",
            ),
            Option(
                "0.526",
                "That keeps three tokens, 0.95 in all. Two are enough to reach 0.6.",
            ),
        ),
    ),
    Question(
        "warm",
        "At temperature 1 one token is 9 times as likely as another. How many times as likely is "
        "it at temperature 2?",
        "the difference of the two logits, before and after the division",
        (
            Option(
                "3 times",
                "The difference of the logits is halved, and exp of half a difference is the "
                "square root of the ratio.",
            ),
            Option(
                "4.5 times",
                "Temperature divides logits, not probabilities. Between the two there is an exp.",
            ),
            Option(
                "81 times",
                "That is temperature 1/2. A higher temperature makes a choice more even, not more "
                "decided.",
            ),
            Option(
                "9 times",
                "Adding a number to all logits would change nothing. But they are divided, and so "
                "is their difference.",
            ),
        ),
    ),
    Question(
        "cached",
        "A model writes with a cache of keys and values and has reached token 1000. What does a "
        "layer's attention have to compute in the next step?",
        "what of the earlier tokens can still change, under a causal mask",
        (
            Option(
                "One new query, key and value, and 1001 scores",
                "The earlier keys and values have not changed, since no token sees a later one. "
                "Only the newest query asks; it meets every key.",
            ),
            Option(
                "One new query, key and value, and one score",
                "The new token looks back at all tokens. The cache saves computing their keys and "
                "values, not looking at them.",
            ),
            Option(
                "1001 queries against the cached keys and values",
                "The rows of the earlier queries were computed in their own steps, and a causal "
                "mask keeps them as they were. Nobody needs them again.",
            ),
            Option(
                "1001 keys and values for the one new query",
                "That is the work without a cache. Under a causal mask the old keys and values "
                "never change.",
            ),
        ),
    ),
    Question(
        "sliding",
        "A model has learned position embeddings and block_size 64. It writes 200 tokens and sees "
        "the last 64 in each step. What happens to one of its tokens, from step to step, once the "
        "text is longer than 64?",
        "which row of the position table a token meets in each step",
        (
            Option(
                "Its position counts down, and all its vectors change",
                "Within the window the token moves one place to the left in each step and meets "
                "another row of the table. That is why an earlier cache is no longer valid.",
            ),
            Option(
                "Its position stays, and so do all its vectors",
                "A token keeps its place in the text, but the table knows only places in the "
                "window, and the window moves on.",
            ),
            Option(
                "Its position counts up until the table has no row left",
                "Positions are counted from the start of the window, which never holds more than "
                "64 tokens. That error would come if the window were not cropped.",
            ),
            Option(
                "Its position is 63 in each step, the last row's",
                "Only the newest token has position 63. In the next step it is second to last.",
            ),
        ),
    ),
)
