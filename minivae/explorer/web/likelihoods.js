// p(x|z), as minivae/likelihoods.py and other_likelihoods.py have it: what the decoder's outputs
// say about the datapoint. Each has its mean and its logarithm, in nats.

import { LOG_2PI, logGamma, sigmoid, softplus } from "./numbers.js";

function total(x, term) {
  let sum = 0;
  for (let d = 0; d < x.length; d++) sum += term(d);
  return sum;
}

// eq. 11: sum of x a - log(1 + exp(a))
class Bernoulli {
  equation = "bernoulli";

  mean(out) {
    return out.map(sigmoid);
  }

  logProb(out, x) {
    return total(x, (d) => x[d] * out[d] - softplus(out[d]));
  }
}

// eq. 12: -1/2 sum of log(2 pi) + log sigma^2 + (x - mean)^2 / sigma^2, both from the decoder
class Gaussian {
  equation = "gaussian";

  constructor(f) {
    this.f = f;
  }

  mean(out) {
    return out.slice(0, out.length / 2).map(this.f);
  }

  logProb(out, x) {
    const mean = this.mean(out);
    const logVar = out.slice(out.length / 2);
    const terms = (d) => LOG_2PI + logVar[d] + (x[d] - mean[d]) ** 2 * Math.exp(-logVar[d]);
    return -0.5 * total(x, terms);
  }
}

class FixedGaussian {
  equation = "gaussian-fixed";

  constructor(f, sigma) {
    this.f = f;
    this.sigma = sigma;
  }

  mean(out) {
    return out.map(this.f);
  }

  logProb(out, x) {
    const mean = this.mean(out);
    const constant = LOG_2PI + 2 * Math.log(this.sigma);
    return -0.5 * total(x, (d) => constant + ((x[d] - mean[d]) / this.sigma) ** 2);
  }
}

// sum of x a - exp(a) - log x!
class Poisson {
  equation = "poisson";

  mean(out) {
    return out.map(Math.exp);
  }

  logProb(out, x) {
    return total(x, (d) => x[d] * out[d] - Math.exp(out[d]) - logGamma(x[d] + 1));
  }
}

const identity = (a) => a;
const relu = (a) => Math.max(a, 0);

const LIKELIHOODS = {
  bernoulli: () => new Bernoulli(),
  gaussian: () => new Gaussian(identity),
  "gaussian-sigmoid": () => new Gaussian(sigmoid),
  "gaussian-fixed": (sigma) => new FixedGaussian(identity, sigma),
  "gaussian-fixed-relu": (sigma) => new FixedGaussian(relu, sigma),
  poisson: () => new Poisson(),
};

export function likelihoodOf({ name, sigma }) {
  return LIKELIHOODS[name](sigma);
}
