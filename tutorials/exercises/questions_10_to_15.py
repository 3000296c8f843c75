"""What pages 10 to 15 ask before they show it, in the order of the pages."""

import math

from exercises.question import Question

QUESTIONS = {
    # 10
    "four_times_the_data": Question(
        2,
        "the precision is four times as large, but for the prior's share",
        {
            4: "so it is for the variance",
            math.sqrt(2): "a root of a root: the variance is divided by four",
        },
    ),
    "unused_weight": Question(
        1.5,
        "anything else would cost, and gain nothing",
        {
            0: "that would cost infinitely many nats, and gain nothing",
            1: "so it would be under a standard normal prior",
        },
    ),
    "narrow_or_wide": Question(
        "too small",
        "q has the width of a cut through the middle",
        {
            "right": "so they are where nothing is tied to anything else",
            "too large": "q is punished for being where the posterior is not",
        },
    ),
    "best_on_new_digits": Question(
        "map",
        "full VB overfits least, but underfits: it gives most of its hidden units back",
        {
            "ml": "with 200 digits and ten thousand weights it learns them by heart",
            "full vb": "it has the smallest gap between old and new digits; is that all one wants?",
        },
    ),
    # 11
    "no_more_to_gain": Question(
        math.log(0.04),
        "the best variance is the squared error",
        {
            0.04: "that is the variance, and lambda is its logarithm",
            math.log(0.2): "that is log sigma, and lambda is log sigma^2",
            -math.log(0.04): "the logarithm of a number below one is negative",
        },
    ),
    "falling_curves": Question(
        0,
        "a wrong program climbs, too, if only something else",
        {8: "a program climbs whatever it takes for the bound"},
        within=0,
    ),
    "found_by_gradient_check": Question(
        3,
        "two whose backward is wrong, and one that it refuses to check",
        {8: "would it see a bound that is the wrong function, and rightly differentiated?"},
        within=0,
    ),
    "all_zero": Question(
        -1.5 * math.log(2 * math.pi),
        "three Gaussian constants, and nothing else",
        {
            1.5 * math.log(2 * math.pi): "has the sign been lost?",
            -0.5 * math.log(2 * math.pi): "that is one pixel, and there are three",
            -3 * math.log(2): "these would be three coins; the decoder has a density",
        },
    ),
    "above_the_evidence": Question(
        "must be wrong",
        "a single estimate may lie above the evidence, the mean of all may not",
        {"may be right": "so it is for a single estimate; but with all noise averaged out?"},
    ),
    "one_weight": Question(
        "the bound",
        "the logarithm of one weight is log p(x, z) - log q(z|x)",
        {"log p(x)": "the mean of the weights is p(x); what is that of their logarithms?"},
    ),
    "sum_for_mean": Question(
        4,
        "a minibatch of one has a sum that is its mean",
        {
            1: "so it is if both are means, or both are sums",
            16: "one by one there is nothing to add up",
            1 / 4: "which of the two is the larger one?",
        },
    ),
    "without_the_brackets": Question(
        math.sqrt(10),
        "0.1 over the root of 0.001",
        {
            1: "so it is with the brackets",
            0.1: "and by what is it divided?",
            100: "v is below a root",
        },
    ),
    # 12
    "one_row": Question(
        0.5,
        "a weight of four bytes is used for one multiplication and one addition",
        {
            2: "that is bytes per FLOP",
            0.25: "an addition is an operation, too",
        },
    ),
    "fewer_passes": Question(
        22 / 5,
        "time goes as the bytes that are moved",
        {22: "the loop moves five, not one", 5: "that is how many the loop moves"},
    ),
    # 13
    "equal_teams": Question(
        math.erf(0.4 / math.sqrt(2)),
        "Phi(0.4) - Phi(-0.4)",
        {
            0.5
            + math.erf(0.4 / math.sqrt(2)) / 2: "that is d below 0.4; and what about d below -0.4?",
            0.5 - math.erf(0.4 / math.sqrt(2)) / 2: "that is a win of the one side",
            1 / 3: "so it would be for a certain epsilon, which is a little larger",
        },
    ),
    "explaining_a_win": Question(
        "it rises",
        "who beats a good team has to be good: the win has tied the two",
        {
            "it stays": "before the match it would; what does the win say about both together?",
            "it falls": "whom has team 1 beaten?",
        },
    ),
    "too_sure": Question(
        "too small",
        "skills go up and down together, and a product cannot say so",
        {
            "too large": "what a posterior couples, a product believes too firmly (notebook 2)",
            "right": "think of all skills going up by the same amount",
        },
    ),
    # 14
    "any_word": Question(
        math.log(1997),
        "minus the logarithm of one in 1,997",
        {
            -math.log(1997): "that is log p; what it costs is minus that",
            math.log2(1997): "that is in bits",
            1 / 1997: "that is the probability",
        },
    ),
    "code_beside_words": Question(
        "next to nothing",
        "the words say most of it, and a code costs from the first step on",
        {
            "a few nats": "so it might pay for itself, later; what does it cost in the beginning?",
            "dozens of nats": "a whole sentence costs some thirty, and words say most of the next",
        },
    ),
    "what_a_code_keeps": Question(
        "how long the sentence is",
        "a decoder that misses words cannot see by them when it is done",
        {
            "what it is about": "other words tell that to a decoder which misses a few",
            "how it ends": "nearly all end in a mark; what can one not know, missing words?",
        },
    ),
    # 15
    "patches_of_a_pixel": Question(
        16,
        "with a stride of one it stands at every place of some patch",
        {4: "so it is with a stride of two", 1: "patches overlap"},
    ),
    "parameters_of_a_layer": Question(
        4 * 4 * 16 * 32 + 32,
        "a filter looks at all channels of its patch, and has a bias",
        {
            4 * 4 * 16 * 32: "and the biases?",
            4 * 4 * 32 + 32: "a filter looks at all 16 channels of its patch",
            4 * 4 * 16 * 32 + 16: "there is a bias for each channel that comes out",
        },
        within=0,
    ),
    "first_to_learn": Question(
        "mixed",
        "how pictures are made is what has to be known; to say which is easier",
        {
            "mlp": "it has to learn at every place anew what a stroke is",
            "convolution": "it comes second: which of its halves needs to know about strokes?",
        },
    ),
    "moved_by_four": Question(
        "nearly one",
        "behind the maps comes a layer with a weight for every place",
        {
            "next to nothing": "the maps move along; but what reads them?",
            "a tenth": "does what reads the maps know a shift from another digit?",
        },
    ),
}
