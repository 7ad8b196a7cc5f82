"""The quiz of lesson 5."""

from grader.course.quiz import Option, Question

QUESTIONS = (
    Question(
        "marks",
        "Five different words can stand in 120 orders. Positions 0 and 3 carry marks, two "
        "different ones; the other positions carry none. To attention without a mask, how many of "
        "the 120 orders look like the given one (counting the given one itself)?",
        "which words can still change places without being noticed",
        (
            Option(
                "6",
                "The words at the two marked positions are nailed down. The three others may "
                "change places freely, in 3! = 6 ways.",
            ),
            Option(
                "24",
                "That is 4!, the number with a single mark. The second mark nails down one more "
                "word.",
            ),
            Option(
                "2",
                "That lets the two marked words change places. But their marks differ, and a word "
                "that changes places gets another mark.",
            ),
            Option(
                "1",
                "All orders are told apart only if every position but one has a mark of its own. "
                "Three have none here.",
            ),
        ),
    ),
    Question(
        "offsets",
        "PE is the sinusoidal encoding. Which two vectors are certain to have the same dot product "
        "as PE[10] and PE[13], at any width?",
        "cos a cos b + sin a sin b, and what a cosine does with a sign",
        (
            Option(
                "PE[50] and PE[47]",
                "The dot product is a sum of cosines of (p - q)θ. The distance is 3 again, and a "
                "cosine does not care which of the two comes first.",
            ),
            Option(
                "PE[20] and PE[26]",
                "Twice the positions is twice the distance. The ratio of two positions plays no "
                "part, only their difference does.",
            ),
            Option(
                "PE[11] and PE[12]",
                "They lie between the two, but at distance 1: nearer, and in general more alike.",
            ),
            Option(
                "PE[-10] and PE[13]",
                "The sign may be changed for both positions at once. If it changes for one alone, "
                "the distance changes, here to 23.",
            ),
        ),
    ),
    Question(
        "one_hand",
        "Row 1 of somebody's encoding of width 6 reads 0.84, 0.54, 0.84, 0.54, 0.84, 0.54. What "
        "has happened?",
        "the angle of each pair at position 1, where it is the frequency itself",
        (
            Option(
                "The exponent 2i/d was rounded to a whole number",
                "The exponent lies below 1 for every pair. Rounded down it is 0, all frequencies "
                "are 1, and all hands of the clock turn alike.",
            ),
            Option(
                "The number of the column was taken for that of the pair",
                "Then the frequencies would fall too fast: the third number would lie near 0, and "
                "nothing would be repeated.",
            ),
            Option(
                "The positions were counted from 1 and not from 0",
                "Then row 1 would begin with sin 2 and cos 2, 0.91 and -0.42, and the later pairs "
                "would still be slower.",
            ),
            Option(
                "The sines and the cosines have changed places",
                "Then 0.54 would come first. And exchanging the two within a pair does not make "
                "one pair like another.",
            ),
        ),
    ),
    Question(
        "turned_values",
        "Somebody applies the rotary encoding to the queries, the keys *and* the values. What "
        "changes?",
        "where two turns meet and cancel, and where only one arrives",
        (
            Option(
                "The weights stay; each value arrives turned by its position",
                "In a score two turns meet, and only their difference is left. A value meets no "
                "second turn: the same word hands over different numbers at every position.",
            ),
            Option(
                "The weights stay; the turns cancel in the output",
                "They cancel where two turned vectors are multiplied by each other. The output is "
                "a sum of turned values, with nothing that turns them back.",
            ),
            Option(
                "The weights change; they now depend on the positions themselves",
                "Values play no part in scores and weights. Those still depend on the two vectors "
                "and their offset alone.",
            ),
            Option(
                "The outputs grow; each turn makes a value longer",
                "A turn keeps every length. If the lengths change, one of the two lines of the "
                "formula has used the entry that the other had just replaced.",
            ),
        ),
    ),
    Question(
        "third_back",
        "One layer with a causal mask must look, from every position, at the token exactly three "
        "places back, in texts no longer than those it was trained on. Which encoding cannot do "
        "it by itself?",
        "which bias or score each of them can give to the distances 2, 3 and 4",
        (
            Option(
                "Linear biases (ALiBi)",
                "Its bias falls with every step of distance, so it always favors 2 steps back over "
                "3. It says “near”; it cannot say “exactly there”.",
            ),
            Option(
                "Rotary encoding",
                "It scores by the offset, and the learned matrices can turn queries so that "
                "offset 3 fits best.",
            ),
            Option(
                "A learned table",
                "Beyond its last row it fails. Within it, queries and keys can learn any match of "
                "positions, three back included.",
            ),
            Option(
                "Added sinusoids",
                "One matrix moves the clock by three steps for every position. As W_query it "
                "makes the query look for that place.",
            ),
        ),
    ),
)
