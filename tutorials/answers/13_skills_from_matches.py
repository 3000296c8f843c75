"""Answers to the exercises of notebook 13; to be read after a try of your own."""

import numpy as np
from scipy.stats import norm


def after_a_draw(c, w, eps):
    """Differentiate log Z = log(Phi(beta) - Phi(alpha)) twice by c; both ends move by -1 / scale.

    dZ/dc = (phi(alpha) - phi(beta)) / scale, and phi'(t) = -t phi(t) gives the second derivative
    (alpha phi(alpha) - beta phi(beta)) / scale^2. That of the logarithm takes g^2 off.
    """
    scale = np.sqrt(1 + w)
    alpha, beta = (-eps - c) / scale, (eps - c) / scale
    Z = norm.cdf(beta) - norm.cdf(alpha)
    g = (norm.pdf(alpha) - norm.pdf(beta)) / (Z * scale)
    k = g**2 - (alpha * norm.pdf(alpha) - beta * norm.pdf(beta)) / (Z * scale**2)
    return c + w * g, w - w**2 * k


def new_site(m, v, pi, nu, tilted):
    """Divide Gaussians: precisions, and precisions times means, are subtracted.

    The new site is what leads from the cavity to the tilted moments, again a division.
    """
    w = 1 / (1 / v - pi)
    c = w * (m / v - nu)
    mean, variance = tilted(c, w)
    new_pi = 1 / variance - 1 / w
    new_nu = mean / variance - c / w
    return new_pi, new_nu


def elbo_gradient(A, mu, lam, eps, slope):
    """Go back through u = A s and s = mu + sigma eps; then add the gradient of -KL.

    ds/dmu = 1 and ds/dlambda = sigma eps. -KL gives -mu and 1 - sigma^2.
    """
    sigma = np.exp(lam)
    ds = slope @ A
    dmu = ds - mu
    dlam = ds * sigma * eps + 1 - sigma**2
    return dmu, dlam
