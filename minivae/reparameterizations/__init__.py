"""Samples that a gradient can pass through: z = g(eps, params) for many distributions (sec. 2.4).

The paper names three ways to write a random z as a differentiable function g of its parameters and
of noise eps that does not depend on them. Each is a module here:

1. `inverse_cdf`: eps ~ U(0, 1), and g is the inverse of the cumulative distribution function.
   Exponential, Cauchy, Logistic, Rayleigh, Pareto, Weibull, Reciprocal, Gompertz, Gumbel, Erlang.
2. `location_scale`: eps is standard, and z = loc + scale * eps.
   Laplace, StudentT, Logistic, Uniform, Triangular, Gaussian; for vectors, with a scale matrix,
   the elliptical ones: MultivariateGaussian, MultivariateStudentT.
3. `composition`: z is made of samples of simpler distributions.
   LogNormal, Gamma, Dirichlet, Beta, ChiSquared, F; their shapes are whole numbers.

A fourth, `implicit`, is younger than the paper: Gamma, Dirichlet, Beta, ChiSquared and F with real
shapes, and gradients with respect to them.

All have one interface, that of `base.Reparameterization`:

>>> import numpy as np
>>> from minivae.reparameterizations.inverse_cdf import Weibull
>>> weibull, scale, shape = Weibull(), 2.0, 1.5
>>> noise = weibull.draw_noise(np.random.default_rng(0), (100_000,))
>>> z = weibull.sample(noise, scale, shape)
>>> dscale, dshape = weibull.backward(2 * z / len(z), noise, scale, shape)

`backward` takes dS/dz of a scalar S and returns dS/dparam for each parameter. Here S is the mean of
z^2, so this estimates the gradient of E[z^2] = scale^2 Gamma(1 + 2 / shape).

What is whole (the shape of a sum of exponentials) or decides what the noise looks like (the degrees
of freedom of Student's t) is fixed when the object is made, ``Gamma(shape=3)``. What is continuous
is an argument, and has a gradient. Values and noise may have any shape, parameters any that
broadcasts to it; `log_density` is in nats.
"""
