"""What pages 0 to 4 ask before they show it, in the order of the pages."""

import math

from exercises.question import Question

QUESTIONS = {
    # 0
    "fair_coins": Question(
        -784 * math.log(2),
        "each of 784 pixels costs log 2 nats",
        {
            784 * math.log(2): "the size is right; the logarithm of a probability is negative",
            -784: "that is in bits: a nat is a factor of e, and a coin has log 2 of them",
            -math.log(2): "that is a single pixel, and there are 784",
        },
    ),
    "sign_flipped": Question(
        2,
        "the two numbers differ by twice their size",
        {1: "they differ by more than their size", 0: "their sizes agree, and still they differ"},
    ),
    # 1
    "spread_of_x": Question(
        1 + 0.5**2,
        "z has the variance 1, and independent noise adds its own",
        {
            1.5: "standard deviations do not add up, variances do",
            1: "that is the variance of z, and the noise comes on top",
            0.5**2: "that is the variance of the noise alone",
            math.sqrt(1.25): "that is the standard deviation",
        },
    ),
    "one_more_dimension": Question(
        "a factor",
        "a draw has to be right in every dimension, and these chances multiply",
        {
            "an amount": "a draw has to be right in every dimension: do chances add or multiply?",
            "nothing": "the error falls as one over the root of the number of draws in any "
            "dimension, but what stands before that root?",
        },
    ),
    "what_stays": Question(
        "their sum",
        "it is log p(x), and q does not occur in that",
        {
            "elbo": "q stands in it twice: in the mean and below the fraction",
            "kl": "it says how far *this* q is from the posterior",
        },
    ),
    "one_of_two_peaks": Question(
        math.log(2),
        "wherever q is, it is twice as high as the posterior",
        {
            0: "where q is, is it as high as the posterior, or higher?",
            1: "that is in bits",
            -math.log(2): "a KL is never negative",
            2: "that is by what factor q is higher; the KL is a mean of its logarithm",
        },
        within=0.05,
    ),
    "draws_above": Question(
        "some",
        "only their mean is bounded",
        {"none": "what is bounded is a mean, and a mean says little about a single number"},
    ),
    # 2
    "a_roll_at_nominal": Question(
        0.7,
        "both ovens make such a roll equally often, so only their shares count",
        {
            0.5: "both ovens make such a roll equally often; but do both bake equally many?",
            0.3: "that is the second oven",
        },
    ),
    "not_told": Question(
        "wider",
        "not to know the ovens is one more doubt; how much it is will be seen further down",
        {
            "as wide": "do we know as much without the ovens as with them?",
            "narrower": "can one know more by being told less?",
        },
    ),
    "draws_in_a_row": Question(
        "positively",
        "a high w places more rolls in the first oven, and these make the next w high",
        {
            "not at all": "the c are drawn given the last w, and the next w given these c",
            "negatively": "a high w places more rolls in the first oven; and then the next w?",
        },
    ),
    "more_rolls": Question(
        "it stays",
        "every new roll brings its own doubt about its oven",
        {
            "it goes to 1": "each new roll also brings a new unknown, its oven, and the product "
            "treats a guess at it as knowledge",
            "it goes to 0": "both deviations shrink as one over the root of n",
        },
    ),
    "no_pull": Question(
        "it grows",
        "the entropy pushes outwards, and only the model's slope holds against it",
        {
            "it stays": "the slope in lambda has a term in which g does not occur",
            "it shrinks": "look at the sign of the term in which g does not occur",
        },
    ),
    # 3
    "silent_draw": Question(
        1,
        "a draw that is just one standard deviation off is what sigma says",
        {0: "there the score is -1 / sigma, as far below zero as it can be"},
    ),
    "fresh_noise": Question(
        10,
        "the two means differ as much as before, and are divided by less",
        {
            1: "so it is with the same noise on both sides",
            100: "so it is for the variance",
            0.1: "a shorter step divides by less",
        },
    ),
    "variance_of_slope": Question(
        4,
        "four times the variance of z",
        {2: "a factor counts with its square", 1: "that is the variance of z"},
    ),
    "a_hundred_more": Question(
        30 + 8 * 100 + 100**2,
        "30 + 2 c E[z^2 eps^2] + c^2, and E[z^2 eps^2] is 4",
        {
            30: "a constant does not change the mean of the estimates; look at their square",
            30 + 100**2: "the square has a mixed term, too: 2 c E[z^2 eps^2]",
            4: "that is the reparameterised one, which does not notice",
        },
    ),
    "worth_of_a_draw": Question(
        (14 + 6 * 99) / 4,
        "the variance of a mean goes as one over the number of draws",
        {
            14 + 6 * 99: "that is its variance; what is that of the other one?",
            (30 + 22 * 99 + 4 * 99**2) / 4: "so many it takes without a baseline",
            14 / 4: "that is in one dimension",
        },
    ),
    "fast_wiggles": Question(
        0.5,
        "the square of a sine is one half on average, and the mean of eps^2 is one",
        {
            1: "the square of a sine is one half on average",
            0: "f still takes all values from -1 to 1",
        },
    ),
    "slope_of_gamma": Question(
        "plus",
        "F falls, and there is a minus sign: the same u arrives at a larger z",
        {"minus": "there is a minus sign in front of the fraction, too"},
    ),
    "score_in_a_vae": Question(
        "more than a thousand",
        "a number of more than a hundred nats is multiplied by noise, and squared",
        {
            "about ten": "think of what a constant of a hundred did to a variance of 30",
            "about a hundred": "think of what a constant of a hundred did, in one dimension",
        },
    ),
    # 4
    "twice_the_rows": Question(
        2,
        "it is a sum over rows",
        {
            1: "it is a sum over rows, and no mean",
            4: "x and da meet in one sum over rows, not in two",
        },
    ),
    "half_the_slope": Question(
        math.sqrt(0.5),
        "1 - h^2 is one half there",
        {
            0.5: "there the slope is still 3/4",
            math.atanh(math.sqrt(0.5)): "that is what goes in; which h comes out?",
        },
    ),
    "half_the_step": Question(
        4,
        "its remainder goes as the square of h",
        {
            2: "that is so for one-sided differences; here the term in h drops out",
            8: "the remainder is h^3 f''' / 6 in the numerator, and that is divided by h",
            1 / 4: "it gets smaller: give the factor by which it is divided",
        },
    ),
}
