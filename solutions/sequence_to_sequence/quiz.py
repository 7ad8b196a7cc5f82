"""The quiz of lesson 9."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "not_shifted",
        "Somebody trains a decoder with the targets themselves as its input, not shifted to the "
        "right. The mask is causal. How does the mistake show?",
        "what a position sees of itself under a causal mask",
        (
            Option(
                "The loss falls to almost 0, and decoding writes nonsense",
                "A causal mask lets each position see itself, and that is where the answer is. In "
                "decoding there is no answer to copy.",
            ),
            Option(
                "The loss falls as it should, and decoding is one token late",
                "One might expect that of a slip by one place. But the model learns to copy, and "
                "learns nothing else.",
            ),
            Option(
                "The loss stays high, since the decoder sees no context",
                "It sees its past and itself, which is more than it should. A loss that is too "
                "good is the sign.",
            ),
            Option(
                "Nothing shows, as the mask hides the token to be predicted",
                "The mask hides what comes after a position. The shift is what keeps a position's "
                "own target from it.",
            ),
        ),
    ),
    Question(
        "two_masks",
        "The sources of a batch are padded. Which mask belongs to which attention of a decoder "
        "block?",
        "which sequence the keys come from, and how much of it may be known",
        (
            Option(
                "Self-attention: causal. Cross-attention: padding of the source",
                "The keys of the self-attention are the decoder's own tokens, with a future to "
                "hide. Those of the cross-attention are the source, which is known from the "
                "start: only its padding has to be hidden.",
            ),
            Option(
                "Self-attention: padding of the source. Cross-attention: causal",
                "The source does not occur in the self-attention: its keys are the decoder's own "
                "tokens, and their future has to be hidden there.",
            ),
            Option(
                "Self-attention: causal. Cross-attention: causal and padding",
                "The source is finished before the first target is written. Position 3 of the "
                "target may look at all of it, not at its first four tokens only.",
            ),
            Option(
                "Self-attention: none. Cross-attention: causal and padding",
                "Then each position of the target would see the tokens that come after it. The "
                "future is in the decoder's own sequence, not in the source.",
            ),
        ),
    ),
    Question(
        "table",
        "A source of 7 tokens is translated, and 4 tokens of the target are given. What does the "
        "table of weights of one head of the cross-attention look like?",
        "who asks here, and who is asked",
        (
            Option(
                "4 rows and 7 columns, each row sums to 1",
                "The target asks, the source is asked. Each target token divides its attention "
                "among the seven source tokens.",
            ),
            Option(
                "7 rows and 4 columns, each row sums to 1",
                "Here the source would ask the target. In a decoder the sequence that is being "
                "written looks something up.",
            ),
            Option(
                "4 rows and 7 columns, each column sums to 1",
                "Then every source token would have to be used equally much. But a source token "
                "may well be of no use to anybody.",
            ),
            Option(
                "11 rows and 11 columns, each row sums to 1",
                "That is self-attention over both sequences, one after the other. In "
                "cross-attention queries come from one, keys and values from the other.",
            ),
        ),
    ),
    Question(
        "the_end",
        "A row is expected to be 7 4 eos pad pad pad, and `greedy_decode` gives 7 4 eos eos eos "
        "eos. Does `sequence_accuracy` count the row as right?",
        "at which places the two are compared",
        (
            Option(
                "Yes: where pad is expected, nothing is compared",
                "Whatever follows the end of a finished row is padding on both sides. Up to its "
                "eos the row agrees.",
            ),
            Option(
                "Yes: pad and eos are the same token in the course",
                "They are two tokens with two jobs: the model writes eos to end a row, and pad "
                "fills up the rows that are expected.",
            ),
            Option(
                "No: eos is not pad, so three places are wrong",
                "Those three places are skipped. A model is not asked what comes after the end.",
            ),
            Option(
                "No: it counts as one half, three places of six",
                "The accuracy counts sequences, and a row is right or wrong as a whole. Besides, "
                "its last three places are not compared.",
            ),
        ),
    ),
    Question(
        "at_once",
        "A transformer is said to work on all positions at once, where an RNN takes one after the "
        "other. For the decoder this holds …",
        "what has to be known before position t can be computed",
        (
            Option(
                "in training, but not in greedy decoding",
                "In training all inputs are known beforehand, and the mask keeps the future "
                "hidden. In decoding each token has to be written before the model can be asked "
                "for the next one.",
            ),
            Option(
                "in training and in greedy decoding alike",
                "In decoding the input of step t + 1 is the output of step t. No hardware "
                "computes the two at once.",
            ),
            Option(
                "in greedy decoding, but not in training",
                "It is the other way around: training knows the whole target, decoding has to "
                "find it token by token.",
            ),
            Option(
                "in neither, as the causal mask orders them",
                "The mask hides later keys from each row of the table. All rows are still "
                "computed in one matrix product.",
            ),
        ),
    ),
)
