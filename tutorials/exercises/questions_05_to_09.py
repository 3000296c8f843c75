"""What pages 5 to 9 ask before they show it, in the order of the pages."""

import math

from exercises.question import Question

QUESTIONS = {
    # 5
    "ways_from_mu": Question(
        2, "through z, and through the KL", {1: "one goes through z; what else is made of mu?"}
    ),
    "half_the_width": Question(
        math.log(2),
        "-log sigma rises by log 2; the square of a small sigma hardly counts",
        {
            1.0: "that is in bits",
            2 * math.log(2): "- log sigma^2 has a factor of one half before it",
        },
    ),
    "grey_pixel": Question(
        -math.log(2),
        "it is a fair coin, and known to be one",
        {
            0: "so it is for a pixel that is black or white",
            math.log(2): "the size is right; the logarithm of a probability is negative",
            -1: "that is in bits",
        },
    ),
    "first_step": Question(
        0.02,
        "after one gradient the root of G is its size",
        {
            0.02e-3: "that would be plain ascent; what is the root of G after one gradient?",
            0.02 / math.sqrt(1e-3): "G holds the square of g, and the root undoes that",
            1e-3: "and what is it divided by, and multiplied with?",
        },
    ),
    "a_or_b": Question(
        "a's",
        "q has come near the posterior, where A has no noise at all",
        {
            "b's": "so it was for a guess that nobody had trained",
            "neither's": "what would the noise of A be if q were the posterior?",
        },
    ),
    # 6
    "all_codes_together": Question(
        "larger",
        "the bound asks what each code costs, and not how all of them are spread",
        {
            "the same": "which term of the bound looks at the codes of all digits together?",
            "smaller": "digits that are not alike want to be far apart: is that worth a price?",
        },
    ),
    "mean_or_median": Question(
        "the mean",
        "one network answers for all, and gets a few quite wrong",
        {
            "the median": "a gap cannot be below zero; is there anything that keeps it from above?",
            "both the same": "so it is if the gaps lie evenly around their middle",
        },
    ),
    "silenced": Question(
        "worse",
        "noise is not ignorance: the decoder takes it for a message",
        {
            "the same": "somebody who knows nothing may say the average digit; does the decoder "
            "know that it knows nothing?",
            "better": "look at what the decoder is handed in place of a code",
        },
    ),
    # 7
    "twice_as_fine": Question(
        4,
        "twice as many along each of two latents",
        {2: "so it is on a line; here are two latents", 8: "so it would be with three latents"},
    ),
    "a_tenth_of_the_error": Question(
        100,
        "K goes as one over the square of the error",
        {
            10: "the error falls with the root of the number only",
            0.1: "a smaller error takes more samples",
        },
    ),
    "a_quarter_of_the_step": Question(
        16,
        "the error goes as the square of the step",
        {
            4: "that would be a method of first order; the leapfrog is symmetric in time",
            64: "a single step's error goes as the cube, but there are more of them",
        },
    ),
    "the_side_of_appendix_d": Question(
        "high",
        "Jensen's inequality with a minus sign in front of the logarithm",
        {
            "low": "that is importance sampling; here the logarithm has a minus sign before it",
            "neither": "the mean of the quotients is right, but we take its logarithm",
        },
    ),
    "numbers_of_a_covariance": Question(
        820,
        "40 * 41 / 2: it is symmetric",
        {1600: "it is symmetric", 780: "and the diagonal?", 40: "that is the diagonal alone"},
    ),
    "grey_or_drawn": Question(
        "higher",
        "the reason is Jensen's inequality, and comes below",
        {
            "lower": "they look harder to foretell; but how does log p(x) bend, over x?",
            "the same": "so it would be if log p(x) were linear in x",
        },
    ),
    "same_draw_again": Question(
        "dynamic",
        "what is new at every visit cannot be learned by heart",
        {"static": "it knows its own hundred digits best; are those the ones that are asked for?"},
    ),
    # 8
    "after_sleep": Question(
        "falls",
        "sleep climbs another function, on other digits",
        {
            "rises": "which function does sleep climb, and on which digits?",
            "stays": "the encoder changes, and the bound of real digits depends on it",
        },
    ),
    "ahead_at_first": Question(
        "wake-sleep",
        "the curves cross only later",
        {"aevb": "so it is in the paper's figure, but that begins at 100,000 digits"},
    ),
    "ahead_by_work": Question(
        "mcem",
        "on this budget, that is: where the curves end is another question",
        {
            "aevb": "so one would expect, since its encoder learns for all digits; run on",
            "wake-sleep": "it starts quickly; does it go on?",
        },
    ),
    # 9
    "covariance_of_two": Question(
        1.6 * 0.9,
        "only z is in both of them",
        {
            1.6 * 0.9 + 0.36: "the noise is on the diagonal only",
            1.6**2 + 0.36: "that is the variance of the first",
            0.9**2 + 0.36: "that is the variance of the second",
            0.36: "that is the variance of the noise",
        },
    ),
    "pca_or_posterior": Question(
        "the posterior mean",
        "the prior pulls it towards the middle",
        {
            "the projection": "the prior has a say, too, and where is it highest?",
            "both the same": "they agree only if there is no noise",
        },
    ),
    "length_of_a_row": Question(
        5 - 0.4,
        "of a variance of 5 in this direction 0.4 is noise",
        {
            5: "a part of that variance is noise",
            0.4: "that is sigma^2",
            5 - 1.2: "sigma^2 is the mean of those left out, not their sum",
            math.sqrt(4.6): "that is the length",
        },
    ),
    "turned": Question(
        "it falls",
        "P has something off its diagonal now, and q cannot follow",
        {
            "it stays": "so it would for a q that may have any covariance",
            "it rises": "at the maximum P is diagonal, and the bound touches log p(x)",
        },
    ),
    "price_of_denoising": Question(
        "the denoising one",
        "it has never seen a whole digit",
        {"the autoencoder": "it is asked for just what it was trained for"},
    ),
}
