"""The quiz of lesson 7."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "long_text",
        "A text has 10 000 tokens, each with the conditional probability 0.5. In float64 one "
        "program multiplies the probabilities, another one adds up their logarithms. What do they "
        "find?",
        "the smallest number above 0 that a float64 can hold, about 5e-324",
        (
            Option(
                "A product of exactly 0, and a sum of about -6931",
                "2^-10000 is about 1e-3010, too small for any float64. Its logarithm, 10 000 · ln "
                "0.5, is quite an ordinary number.",
            ),
            Option(
                "A product of 1e-3010, and a sum of about -6931",
                "On paper, yes. A float64 holds nothing between 0 and about 5e-324.",
            ),
            Option(
                "A product of 0, and a sum of -inf, its logarithm",
                "The logarithm of the product is -inf. But the sum of logarithms never forms the "
                "product: that is the point of it.",
            ),
            Option(
                "A product of 0.5, and a sum of about -0.69",
                "That is the mean over the tokens. The probability of the whole text falls with "
                "every token.",
            ),
        ),
    ),
    Question(
        "add_one",
        "In a text over 4 tokens, token A is followed 6 times by A, 2 times by B, and never by C "
        "or D. With smoothing 1, what is the probability of A after A?",
        "how many counts of the row the 1 is added to",
        (
            Option(
                "7/12",
                "Every count of the row grows by 1: 7, 3, 1, 1. They sum to 12.",
            ),
            Option(
                "6/8",
                "That is the share without smoothing. The tokens that never came would keep the "
                "probability 0, and one of them would make the loss infinite.",
            ),
            Option(
                "7/9",
                "The sum grows by 1 for each of the four tokens, not by 1 in all. As it stands, "
                "the row would sum to more than 1.",
            ),
            Option(
                "6/10",
                "Here only the unseen tokens got their 1. It is added to every count, seen or not.",
            ),
        ),
    ),
    Question(
        "bits",
        "The perplexity of a model falls from 32 to 8. By how much do its bits per token fall?",
        "the logarithm to base 2 of each perplexity",
        (
            Option(
                "2.00",
                "A perplexity of 32 is as uncertain as 32 equal choices: 5 bits. With 8 it is 3 "
                "bits.",
            ),
            Option(
                "24.0",
                "That is the fall of the perplexity itself. Bits are its base-2 logarithm.",
            ),
            Option(
                "1.39",
                "ln 4 = 1.39 is the fall in nats. Bits count in powers of 2.",
            ),
            Option(
                "0.75",
                "The perplexity falls by three quarters. A factor in perplexity is a difference "
                "in bits.",
            ),
        ),
    ),
    Question(
        "below",
        "A source has an entropy rate of 1.20 nats per token. A model with many parameters "
        "reaches 1.05 on the text it was trained on and 1.31 on new text of the same source. What "
        "follows?",
        "on which text the entropy rate is a floor, on average",
        (
            Option(
                "It has fitted accidents of its training text too",
                "The accidents of a finite text can be learned by heart, and are worth nothing in "
                "the next one. On new text no model is below the entropy rate, on average.",
            ),
            Option(
                "It knows the source better than the entropy rate does",
                "The entropy rate is what remains for whoever knows the source completely. The "
                "loss on new text shows that this model does not.",
            ),
            Option(
                "It is too small: its loss on new text is too high",
                "A model that is too small stays high on both texts. Here the two losses lie on "
                "either side of the floor.",
            ),
            Option(
                "It sees the token to be predicted, by some leak",
                "A leak would be there for new text too, and would push that loss below the floor "
                "as well.",
            ),
        ),
    ),
    Question(
        "half_ignored",
        "Half of the targets of a batch are padding and ignored. On the others the loss is 2 nats "
        "a token. By mistake the sum of their losses is divided by the number of *all* targets. "
        "What comes out, and what is bad about it?",
        "how many losses are in the sum, and how many the divisor counts",
        (
            Option(
                "1 nat, and more padding looks like a better model",
                "There are half as many losses as the divisor counts, so the mean is halved. A "
                "batch of short sentences gets a low loss and small gradients for no good reason.",
            ),
            Option(
                "2 nats, and nothing is bad: ignored targets add 0",
                "They add 0 to the sum. But each of them adds 1 to the number that the sum is "
                "divided by.",
            ),
            Option(
                "4 nats, and more padding looks like a worse model",
                "That would take a divisor that is too small. Here the divisor is too large.",
            ),
            Option(
                "2 nats, but the padding's gradients are not zero",
                "Ignored targets send no gradient, whatever the divisor is. But the sum and its "
                "divisor do not match.",
            ),
        ),
    ),
)
