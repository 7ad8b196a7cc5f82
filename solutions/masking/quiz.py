"""The quiz of lesson 3."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "after",
        "Four keys have equal scores, and the last one must be hidden. The code computes softmax "
        "first and then sets the last weight to 0. What do the other three get?",
        "what the weights sum to, before and after the last one is struck out",
        (
            Option(
                "1/4 each, so the output is a quarter too small",
                "The hidden key took its share before it was struck out. The rest sums to 3/4, so "
                "the output is no longer an average.",
            ),
            Option(
                "1/4 each, which is right, as a zero adds nothing",
                "The zero adds nothing to the output. But its key has taken a quarter of the "
                "whole, and nobody has given that back.",
            ),
            Option(
                "1/3 each, as softmax always sums to 1",
                "It did sum to 1, over four keys. Nothing divides again after the fourth weight "
                "has been taken away.",
            ),
            Option(
                "nan each, as a hidden key makes 0/0",
                "There is no division after the zero is written. 0/0 comes from a row in which "
                "nothing is left before softmax.",
            ),
        ),
    ),
    Question(
        "peek",
        "Because of an off-by-one error, the causal mask of a language model shows each position "
        "the token that comes after it. How will that show?",
        "which token is in the place that should be hidden, in training and in writing",
        (
            Option(
                "The loss is better than possible, and the writing is poor",
                "In training the answer can be read off one place to the right. In writing there "
                "is nothing to the right, and nothing else has been learned.",
            ),
            Option(
                "The loss stays high, since the mask confuses training",
                "The model has no trouble with the mask: it finds the answer there. A loss that "
                "is too good is the sign to look for.",
            ),
            Option(
                "The loss and the writing both get a little better",
                "More context would help if it were there in writing too. The token to be written "
                "is the one thing that is never there.",
            ),
            Option(
                "The loss is as it should be, but the last row is nan",
                "A row is nan if it sees nothing. The last row sees everything, here as with the "
                "right mask.",
            ),
        ),
    ),
    Question(
        "axes",
        "A padding mask of shape (B, n) is added to scores of shape (B, n, n), with B = 4 and n = "
        "4. What happens?",
        "broadcasting lines shapes up from the right",
        (
            Option(
                "No error: query i hides what is padding in sequence i",
                "Shapes are lined up from the right, so the mask's first axis meets the queries, "
                "not the batch: its row i goes to query i of every sequence. With B ≠ n there "
                "would be an error.",
            ),
            Option(
                "No error: every query gets its own sequence's padding",
                "That needs the shape (B, 1, n). Broadcasting puts missing axes in front, never "
                "in the middle.",
            ),
            Option(
                "No error: every sequence gets the first one's padding",
                "That would be a mask of shape (n,), a single row. Here all four rows are used, "
                "only along the wrong axis.",
            ),
            Option(
                "An error: the mask has one axis fewer than the scores",
                "A missing axis is no error: it is added in front, with length 1. Then 4 meets 4 "
                "and 4 meets 4.",
            ),
        ),
    ),
    Question(
        "row_number",
        "A causal mask holds -inf in the hidden places. In the visible places it holds, by "
        "mistake, the number of the row: 0 in row 0, 1 in row 1, and so on. The weights are …",
        "what a constant that is added to all visible scores of one row does to softmax",
        (
            Option(
                "right in each and every row",
                "Within a row the same number is added to every visible score, and what is the "
                "same for all keys drops out of softmax.",
            ),
            Option(
                "right in row 0 only",
                "Row 0 is the only one with the usual zeros. But softmax looks at differences "
                "within a row, and there are none between the added numbers.",
            ),
            Option(
                "too sharp in the later rows",
                "Weights get sharper when scores are multiplied. Here something is added, and it "
                "is added to all.",
            ),
            Option(
                "too large for the later keys",
                "The number depends on the row, so it favors no column. With the number of the "
                "column, it would.",
            ),
        ),
    ),
    Question(
        "patch",
        "A mask is added to the scores, and one row becomes -inf from end to end. The code lets "
        "softmax make nan of it, and then replaces nan by 0 in the weights. What follows?",
        "what the chain rule multiplies by at the row that was patched",
        (
            Option(
                "The outputs are right, and the keys' gradients are nan",
                "Backpropagation multiplies by the derivative of softmax at that row, which is "
                "nan, and 0 · nan is nan. All rows share the keys.",
            ),
            Option(
                "The outputs are right, and only that query's gradient is nan",
                "The nan does not stay in its row: the gradient of a key is a sum over all the "
                "queries that meet it.",
            ),
            Option(
                "The outputs are right, and the gradients are too",
                "The replaced entries do get the gradient 0. But that 0 is then multiplied by a "
                "derivative that is nan.",
            ),
            Option(
                "The outputs are wrong in all rows of that sequence",
                "In the forward pass each row is a softmax of its own, and a nan in one row "
                "reaches no other. After the patch every output is right.",
            ),
        ),
    ),
)
