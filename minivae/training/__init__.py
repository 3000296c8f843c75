"""Training: algorithm 1, its rivals, and what stands around the steps.

loop            what stands around the steps of every method, once
aevb            `fit`, algorithm 1
minibatch_loop  its inner loop: minibatch, noise, gradient, step
mcem, full_vb   Monte Carlo EM (app. E) and full variational Bayes (app. F), whose
                model is `bayesian_decoder`
settings        what a run is given, checked
state           all that changes from step to step
models          a model as a file describes it: names and numbers
checkpoint      files, written atomically and checked when they are read
run_folder      where a run keeps them
history         the learning curve
"""

from minivae.training.aevb import FitResult, TrainingDiverged, choose_step_size, fit

__all__ = ["FitResult", "TrainingDiverged", "choose_step_size", "fit"]
