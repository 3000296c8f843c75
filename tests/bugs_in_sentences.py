"""Mistakes that are easily made where networks are recurrent and codes are of sentences."""

import checks
import numpy as np
from bugs import bug

from minivae.datasets.sentences import UNKNOWN
from minivae.layers import embedding, recurrent
from minivae.layers.recurrent import LSTM
from minivae.sentences import categorical, evaluation, model, networks, training


def everywhere(patch, name, wrong, *modules):
    """Replace a function in all the modules that call it by its name."""
    for module in modules:
        patch.setattr(module, name, wrong)


@bug(caught_by=[checks.masked_steps], missed_by=[checks.lstm_gradient, checks.sentences_gradient])
def after_a_masked_step_the_state_is_that_of_the_start(patch):
    original = recurrent.steps_of

    def wrong(mask):
        steps, before = original(mask), []
        times = np.flatnonzero(mask.any(axis=0))
        for t, numbers in zip(times, steps.before, strict=True):
            here = np.flatnonzero(mask[:, t])
            numbers = np.array(np.arange(mask.size + len(mask))[numbers])
            lost = ~mask[here, t - 1] if t else np.zeros(len(here), bool)
            numbers[lost] = here[lost]
            before.append(numbers)
        return steps._replace(before=before)

    everywhere(patch, "steps_of", wrong, recurrent, networks, checks.test_recurrent)


@bug(
    caught_by=[checks.lstm_formula],
    missed_by=[checks.lstm_gradient, checks.masked_steps, checks.sentences_gradient],
)
def the_gates_in_another_order(patch):
    original = LSTM.forward

    def wrong(self, params, x, *rest):
        n = self.n_out
        order = np.r_[n : 2 * n, :n, 2 * n : 4 * n]
        swapped = {name: np.ascontiguousarray(params[name][..., order]) for name in "WUb"}
        return original(self, swapped, x, *rest)

    backward = LSTM.backward

    def wrong_back(self, params, saved, *rest):
        n = self.n_out
        order = np.r_[n : 2 * n, :n, 2 * n : 4 * n]
        swapped = {name: np.ascontiguousarray(params[name][..., order]) for name in "WUb"}
        dx, dstart, parts = backward(self, swapped, saved, *rest)
        parts = {
            name: part._replace(dy=np.ascontiguousarray(part.dy[:, order]))
            for name, part in parts.items()
        }
        return dx, dstart, parts

    patch.setattr(LSTM, "forward", wrong)
    patch.setattr(LSTM, "backward", wrong_back)


@bug(caught_by=[checks.lstm_gradient, checks.sentences_gradient], missed_by=[checks.lstm_formula])
def time_ends_at_the_step_before(patch):
    original = recurrent.lstm_cells_backward

    def wrong(gates, c_before, tanh_c, dh, dc, da):
        original(gates, c_before, tanh_c, dh, dc, da)
        dc[:] = 0

    patch.setattr(recurrent, "lstm_cells_backward", wrong)


@bug(caught_by=[checks.words_added_up], missed_by=[checks.words_looked_up])
def of_a_word_that_comes_twice_one_place_counts(patch):
    def wrong(words, dx, first, out):
        out[:] = 0
        here = (words >= first) & (words < first + len(out))
        out[words[here] - first] = dx[here]

    patch.setattr(embedding, "add_rows", wrong)


@bug(caught_by=[checks.softmax_far_out], missed_by=[checks.sentences_gradient])
def a_softmax_that_overflows(patch):
    original = categorical.categorical

    def wrong(logits, words, largest, scale, log_p):
        original(logits, words, np.zeros_like(largest), scale, log_p)

    everywhere(patch, "categorical", wrong, categorical, networks, checks.test_sentences)


@bug(
    caught_by=[checks.words_given_those_before],
    missed_by=[checks.sentences_gradient, checks.integral_over_codes],
)
def the_decoder_reads_the_word_that_it_is_to_say(patch):
    original = networks.Reading.__init__

    def wrong(self, *arguments):
        original(self, *arguments)
        self.read = self.said

    patch.setattr(networks.Reading, "__init__", wrong)


@bug(
    caught_by=[checks.read_and_said],
    missed_by=[checks.sentences_gradient, checks.words_given_those_before],
)
def dropped_words_are_not_to_be_said_either(patch):
    original = networks.Reading.__init__

    def wrong(self, tokens, dropped=None):
        if dropped is not None:
            tokens = np.where(dropped & (tokens > 0), UNKNOWN, tokens)
        original(self, tokens, dropped)

    patch.setattr(networks.Reading, "__init__", wrong)


@bug(
    caught_by=[checks.integral_over_codes],
    missed_by=[checks.sentences_gradient, checks.words_given_those_before],
)
def weights_of_codes_without_the_prior(patch):
    original = evaluation.log_density
    patch.setattr(evaluation, "log_density", lambda z, *q: original(z, *q) if q else 0.0)


@bug(
    caught_by=[checks.sentence_by_sentence], missed_by=[checks.sentences_gradient, checks.free_nats]
)
def free_nats_that_cost_when_they_are_not_used_up(patch):
    original = model.add_kl_gradient

    def wrong(q_params, weights, dq_params):
        original(q_params, np.full_like(weights, weights.max()), dq_params)

    patch.setattr(model, "add_kl_gradient", wrong)


@bug(caught_by=[checks.annealing], missed_by=[checks.sentences_gradient, checks.four_sentences])
def the_kl_never_gets_its_full_weight(patch):
    def wrong(seen, anneal):
        return 1 / (1 + np.exp(-10 * (min(seen / anneal, 1) - 0.5))) if anneal else 1.0

    everywhere(patch, "kl_weight", wrong, training, checks.test_sentences)


@bug(caught_by=[checks.clipping, checks.sentences_written_out], missed_by=[checks.four_sentences])
def gradients_clipped_number_by_number(patch):
    def wrong(grad, largest):
        norm = float(np.linalg.norm(grad))
        np.clip(grad, -largest, largest, out=grad)
        return norm

    everywhere(patch, "clip_norm", wrong, training, checks.test_sentences)
