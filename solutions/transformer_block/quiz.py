"""The quiz of lesson 6."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "three_and_seven",
        "Every entry of one token's vector is multiplied by 3, and then 7 is added to it. What "
        "does layer norm (gain 1, bias 0) make of the new vector?",
        "the mean and the spread of the new vector",
        (
            Option(
                "What it made of the old one, but for eps",
                "The mean moves by 7 and is subtracted; the spread grows threefold and is divided "
                "out. Only eps, which stays as it is, leaves a tiny trace.",
            ),
            Option(
                "Three times what it made of the old one",
                "The factor 3 is in the spread as well, and the spread is what layer norm divides "
                "by.",
            ),
            Option(
                "What it made of the old one, and 7 more",
                "The 7 is part of the mean, and the mean is subtracted before anything else "
                "happens.",
            ),
            Option(
                "What it made of the old one, only if all tokens change",
                "That would be so if the mean were taken over tokens. Layer norm works on each "
                "token's vector by itself and never sees the others.",
            ),
        ),
    ),
    Question(
        "silent",
        "In a pre-norm block the last matrix of each sub-layer is set to zero, and so is any bias "
        "after it. The vector x goes in. What comes out?",
        "what x passes through on its way to the output if both sub-layers add nothing",
        (
            Option(
                "x, the same numbers as before",
                "The block computes x + something, twice, and both somethings are 0. The norms "
                "sit on the branches, not on the path of x.",
            ),
            Option(
                "x, with mean 0 and variance 1",
                "That is the order of the first transformer, where a norm works on the sum. In "
                "pre-norm nothing on the path of x normalizes it.",
            ),
            Option(
                "x, doubled by two residuals",
                "A residual adds a sub-layer's output to x. It does not add x to x.",
            ),
            Option(
                "0, as nothing gets through",
                "Nothing gets through the sub-layers. The residual leads around them.",
            ),
        ),
    ),
    Question(
        "one_token",
        "In a block without a mask and without dropout the vector of token 5 is changed. Which "
        "step lets other tokens notice?",
        "over which axis each step computes its sums",
        (
            Option(
                "The attention, and none of the others",
                "It is the only step that adds up over positions. All others treat each token's "
                "vector by itself.",
            ),
            Option(
                "The attention and both layer norms",
                "A layer norm takes its mean over the features of one token. It does not sum over "
                "other tokens, or over the batch.",
            ),
            Option(
                "The attention and the feed-forward network",
                "The feed-forward network mixes the features of a token. One and the same network "
                "is applied to every token on its own.",
            ),
            Option(
                "All steps, since they follow one another",
                "The other steps pass on what the attention has spread. But none of them carries "
                "anything from one token to another itself.",
            ),
        ),
    ),
    Question(
        "deeper",
        "Two stacks are compared before the first step of training: 2 blocks and 24 blocks, each "
        "with a final layer norm. How large is the gradient of the *last* block in the deep "
        "stack, compared with the shallow one?",
        "how the stream grows with depth, and what the final norm then divides by",
        (
            Option(
                "Clearly smaller in pre-norm, about as large in post-norm",
                "In pre-norm the stream grows with every block, and the final norm divides by its "
                "size. In post-norm the stream has size 1 at any depth (Xiong et al. 2020).",
            ),
            Option(
                "About as large in pre-norm, clearly smaller in post-norm",
                "That is the common story of post-norm's vanishing gradients. The measurement "
                "finds the opposite: near the output they stay large, which is why post-norm "
                "needs a warm-up.",
            ),
            Option(
                "Clearly smaller in both, since gradients fade with depth",
                "The last block is next to the loss, however many blocks come before it. What "
                "matters is the size of the stream that arrives there.",
            ),
            Option(
                "About as large in both, as residuals carry gradients",
                "Residuals do carry gradients back to the first blocks. They also add up: in "
                "pre-norm the stream becomes large, and one block's part in it small.",
            ),
        ),
    ),
    Question(
        "dropped",
        "A block in training mode has dropout 0.5 on the output of each sub-layer. What is "
        "true of every entry of the block's output?",
        "what dropout is applied to, and what is added to it",
        (
            Option(
                "It still holds x; only what is added may be missing",
                "Dropout works on the sub-layer's output before the sum. The stream itself is "
                "never dropped.",
            ),
            Option(
                "It is 0 with probability one half, like any other",
                "That would be dropout on the sum. After 24 blocks next to nothing of the stream "
                "would be left.",
            ),
            Option(
                "It is 0 with probability one quarter, after two draws",
                "There are indeed two draws, one for each sub-layer. But even if both come up 0, "
                "x remains.",
            ),
            Option(
                "It is on average half of what it is in evaluation mode",
                "The entries that are kept are doubled, so each sub-layer's output is right on "
                "average. And x is not halved at all.",
            ),
        ),
    ),
)
